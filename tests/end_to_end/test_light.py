"""A player's laptop beside a server elsewhere: an environment that holds what the bridge needs, and nothing more."""

import re
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from benchmarks.performance import messages
from tests.clients.midi_peers import Keyboard, Recorder, hanging
from tests.conftest import ROOT
from tests.end_to_end.programs import Program, Server
from tests.end_to_end.test_ports import SHORT

pytestmark = [pytest.mark.jack, pytest.mark.slow]


def needed(name: str, found: dict[str, list[Path]]) -> dict[str, list[Path]]:
    """What `pip install` of it brings without any extra: by distribution, what lies in its site-packages."""
    package = distribution(name)
    tops = {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")}
    found[name] = [Path(str(package.locate_file(top))) for top in tops]
    for requirement in package.requires or ():
        other = re.split(r"[^\w.-]", requirement)[0]
        if "extra ==" not in requirement and other not in found:
            try:
                needed(other, found)
            except PackageNotFoundError:  # for another system
                continue
    return found


@pytest.fixture
def python(tmp_path: Path) -> str:
    """Of a new environment with links to those packages, and to our own sources."""
    venv.create(tmp_path / "laptop", with_pip=False)
    (packages,) = (tmp_path / "laptop").glob("lib/python*/site-packages")
    for path in (path for paths in needed("tradefours", {}).values() for path in paths):
        (packages / path.name).symlink_to(path)
    (packages / "ours.pth").write_text(f"{ROOT}\n")
    return str(tmp_path / "laptop" / "bin" / Path(sys.executable).name)


def test_the_bridge_plays_without_torch_against_a_server_elsewhere(
    jack_server: dict[str, str], server: Server, python: str
) -> None:
    for heavy in ("torch", "numpy", "fastapi"):
        assert subprocess.run([python, "-c", f"import {heavy}"], capture_output=True).returncode != 0
    command = (python, "-m", "server.cli")
    with Program("bridge", "--url", server.url, "--api", "jack", command=command) as program:
        program.says("connected")
        with Keyboard("Tradefours In") as keyboard, Recorder("Tradefours Out") as recorder:
            keyboard.play(messages(SHORT))
            recorder.wait_until(lambda heard: len(hanging(heard)) > 0, timeout_s=15)
            assert program.stop() == 0
            recorder.wait_until(lambda heard: not hanging(heard))
