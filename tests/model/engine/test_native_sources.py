"""The native sources by themselves: every path that can run here, with sanitizers, and ARM's on an emulator."""

import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[3]
SOURCE: Final = ROOT / "model/engine/native/source"
CHECK: Final = Path(__file__).with_name("native_check.cpp")
SHARED: Final = ("decoder", "draw", "hands", "packing", "paths", "perceiver", "workbench", "kernels_plain")
AVX512: Final = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni"]
X86: Final = {
    "kernels_avx2.cpp": ["-mavx2", "-mfma"],
    "kernels_avx512.cpp": AVX512,
    "kernels_amx.cpp": AVX512,
}
SANITIZED: Final = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

pytestmark = pytest.mark.slow


def needed(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def build(compiler: str, sources: dict[str, list[str]], flags: Sequence[str], folder: Path) -> Path:
    """Each source with its own flags, side by side, then all of them into one program."""
    common = [compiler, "-std=c++17", "-pthread", "-ffp-contract=off", f"-I{SOURCE}", *flags]
    running = [
        subprocess.Popen([*common, *own, "-c", str(SOURCE / name), "-o", str(folder / f"{name}.o")])
        for name, own in sources.items()
    ]
    assert [process.wait() for process in running] == [0] * len(running)
    program = folder / "check"
    objects = [str(folder / f"{name}.o") for name in sources]
    subprocess.run([*common, str(CHECK), *objects, "-o", str(program)], check=True)
    return program


def checked(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_every_path_of_this_processor_equals_the_plain_one_and_the_sanitizers_are_silent(tmp_path: Path) -> None:
    needed("g++")
    x86 = X86 if platform.machine() in ("x86_64", "AMD64") else {}
    program = build("g++", {**{f"{name}.cpp": [] for name in SHARED}, **x86}, SANITIZED, tmp_path)
    assert "checked plain" in checked([str(program), "5"])


def test_the_arm_path_equals_the_plain_one_on_an_emulated_processor(tmp_path: Path) -> None:
    needed("aarch64-linux-gnu-g++", "qemu-aarch64")
    sources = {**{f"{name}.cpp": [] for name in SHARED}, "kernels_neon.cpp": ["-march=armv8.2-a+dotprod"]}
    program = build("aarch64-linux-gnu-g++", sources, ["-O2", "-static"], tmp_path)
    assert "checked neon" in checked(["qemu-aarch64", "-cpu", "max", str(program), "5"])
