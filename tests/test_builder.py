"""A machine without a C++ compiler asks for one, for the build alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ASK = "import builder; print(builder.get_requires_for_build_editable())"


def asked_for(**environment: str) -> str:
    told = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=os.environ | environment, capture_output=True)
    return told.stdout.decode().splitlines()[-1]


def test_with_a_compiler_nothing_is_fetched() -> None:
    if "ziglang" in asked_for():
        pytest.skip("no C++ compiler on this machine")
    assert asked_for() == "[]"


def test_without_one_clang_comes_as_a_package() -> None:
    assert "ziglang" in asked_for(PATH="/nowhere", CC="/nowhere/cc", CXX="/nowhere/c++")


def test_a_compiler_of_c_alone_is_none(tmp_path: Path) -> None:
    half = tmp_path / "c++"
    half.write_text("#!/bin/sh\nexit 1\n")
    half.chmod(0o755)
    assert "ziglang" in asked_for(CXX=str(half))
