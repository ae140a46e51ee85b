"""The house stands as its plan says: light where it must be light, one version, one direction of imports."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest

from tests.conftest import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

# Import names of the distributions that only the extra "server" brings.
HEAVY = [re.split(r"[^\w-]", requirement)[0] for requirement in PROJECT["project"]["optional-dependencies"]["server"]]

IMPORT_WITHOUT_THE_SERVER_EXTRA = """
import importlib, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"{name} is not on the light base", name=name)

HEAVY = set(sys.argv[2:])
sys.meta_path.insert(0, Missing())
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(package, "__path__", []), sys.argv[1] + "."):
    importlib.import_module(module.name)
"""


@pytest.mark.parametrize("name", ["music", "streaming", "clients", "model.tokens", "server.cli"])
def test_a_players_laptop_can_import_it_without_the_server_extra(name: str) -> None:
    command = [sys.executable, "-c", IMPORT_WITHOUT_THE_SERVER_EXTRA, name, *HEAVY]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_torch_counts_as_heavy() -> None:
    assert "torch" in HEAVY
    assert not {"pydantic", "websockets", "mido", "typer"} & set(HEAVY)


def test_the_layers_are_the_folders_in_the_order_of_the_plan() -> None:
    contracts = {contract["type"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
    assert contracts["layers"]["layers"] == ["benchmarks", "server : clients", "streaming", "model", "music"]
    packaged = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == packaged


def test_the_version_is_one_everywhere() -> None:
    version = PROJECT["project"]["version"]
    newest = re.search(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version
    assert importlib.metadata.version("tradefours") == version


def test_the_container_installs_the_torch_that_the_project_pins() -> None:
    (pin,) = (line for line in PROJECT["project"]["optional-dependencies"]["server"] if line.startswith("torch=="))
    assert f" {pin}\n" in (ROOT / "Dockerfile").read_text()


def test_the_container_gets_all_that_the_build_reads() -> None:
    packages = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    copied = set(
        " ".join(re.findall(r"^COPY (?!--)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)).split()
    )
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    assert packages | {"setup.py", "builder.py", "pyproject.toml", "README.md", "LICENSE"} == copied == let_in


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named <= targets


def test_continuous_integration_runs_what_everyone_runs() -> None:
    assert "\nmake test\n" in (ROOT / ".ci/run").read_text()
