"""Builds the native engine with whatever C++ compiler is there, or was fetched; where that fails the install succeeds
and torch serves.

The library has a plain C interface and needs no header of Python's, so it is built by the compiler alone: each path's
kernels with that processor's instructions, the rest for any.
"""

import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

from builder import has_compiler, zig

SOURCE = Path("model/engine/native/source")
# GCC 12 takes the unset halves of its own AVX-512 functions for a mistake of ours; Clang has no such warning.
QUIET = ["-Wno-maybe-uninitialized", "-Wno-uninitialized", "-Wno-unknown-warning-option"]
AVX512 = {
    "unix": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni", *QUIET],
    "msvc": ["/arch:AVX512"],
}
PATHS = {  # machine -> kernels -> kind of compiler -> flags
    "x86_64": {
        "avx2": {"unix": ["-mavx2", "-mfma"], "msvc": ["/arch:AVX2"]},
        "avx512": AVX512,
        "amx": AVX512,  # its few functions say themselves what they need: not every compiler knows the flags
    },
    "arm64": {"neon": {"unix": ["-march=armv8.2-a+dotprod"], "zig": ["-mcpu=generic+v8_2a+dotprod"]}},
}
SHARED = ("decoder", "draw", "engine", "hands", "packing", "paths", "perceiver", "workbench")  # for any processor
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
THREADS = ["-pthread"]
PLAIN = ["-Wall", "-g0"]  # Python's own flags would have megabytes of symbols
COMMON = {
    "unix": [*THREADS, "-std=c++17", "-O3", "-fno-math-errno", "-ffp-contract=off", "-fvisibility=hidden", *PLAIN],
    "msvc": ["/std:c++17", "/O2", "/EHsc"],
}


class BuildEngine(build_ext):
    """One shared library, beside the Python code that loads it."""

    def get_ext_filename(self, fullname: str) -> str:
        suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
        return str(Path(*fullname.split("."))) + suffix

    def build_extension(self, ext: Extension) -> None:
        compiler, kind = (self.compiler, self.compiler.compiler_type) if has_compiler() else (zig(), "zig")
        kernels = {"plain": dict[str, list[str]](), **PATHS.get(MACHINES.get(platform.machine().lower(), ""), {})}
        flags = {SOURCE / f"kernels_{name}.cpp": _of(kind, each) for name, each in kernels.items()}
        flags |= {SOURCE / f"{name}.cpp": [] for name in SHARED}

        def compiled(source: Path) -> str:
            postargs = _of(kind, COMMON) + flags[source]
            return compiler.compile([str(source)], output_dir=self.build_temp, extra_postargs=postargs)[0]

        with ThreadPoolExecutor() as pool:
            objects = list(pool.map(compiled, flags))
        to = Path(self.get_ext_fullpath(ext.name))
        to.parent.mkdir(parents=True, exist_ok=True)
        postargs = [] if kind == "msvc" else THREADS
        compiler.link_shared_object(objects, str(to), extra_postargs=postargs, target_lang="c++")


def _of(kind: str, flags: dict[str, list[str]]) -> list[str]:
    """Every compiler but Microsoft's is much like GCC."""
    return flags.get(kind, [] if kind == "msvc" else flags.get("unix", []))


setup(
    ext_modules=[Extension("model.engine.native.tradefours_engine", sources=[], depends=[], optional=True)],
    cmdclass={"build_ext": BuildEngine},
)
