"""The build: setuptools, and a C++ compiler from the package index where this machine has none.

Players on Windows, or on a Mac without its developer tools, have no compiler, and PyTorch takes ten times as long for a
token as the native engine. The package `ziglang` is Clang with all it needs, there for this one build only.
"""

import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  what a build asks for, besides the two functions below
from setuptools.errors import BaseError, CCompilerError

from distutils.ccompiler import CCompiler, new_compiler  # isort: skip  what setuptools brings under this name
from distutils.sysconfig import customize_compiler  # isort: skip

ZIG_KNOWS = ("x86_64", "amd64", "arm64", "aarch64")


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    return build_meta.get_requires_for_build_wheel(config_settings) + _compilers()


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    return build_meta.get_requires_for_build_editable(config_settings) + _compilers()


def _compilers() -> list[str]:
    return [] if has_compiler() or platform.machine().lower() not in ZIG_KNOWS else ["ziglang>=0.17.1"]


def has_compiler() -> bool:
    """Whether this machine compiles C++ with its library: a C compiler alone, or Apple's stand-in, does not."""
    compiler = new_compiler()
    customize_compiler(compiler)
    with TemporaryDirectory() as folder:
        source = Path(folder) / "least.cpp"
        source.write_text("#include <vector>\n")
        try:
            compiler.compile([str(source)], output_dir=folder)
        except (BaseError, CCompilerError, OSError):
            return False
    return True


def zig() -> CCompiler:
    """Clang as `ziglang` has it, which builds for any processor of this machine's family unless it is told to."""
    compiler = new_compiler(compiler="unix")
    command = [sys.executable, "-m", "ziglang", "c++", "-fPIC", "-mcpu=baseline"]
    roles = dict.fromkeys(("compiler_cxx", "compiler_so_cxx", "linker_exe_cxx"), command)
    compiler.set_executables(**roles, linker_so_cxx=[*command, "-shared"])
    return compiler
