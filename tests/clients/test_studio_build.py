"""The studio's files that are served are what its sources make."""

import shutil
import subprocess
from filecmp import cmpfiles
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = ROOT / "clients/studio"
BUILT = ROOT / "server/studio/built"
NODE_MINUTES = 3


@pytest.mark.slow
def test_what_is_served_is_what_the_sources_make_and_their_types_are_right(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("needs node and npm, to build the studio anew")
    work = tmp_path / "studio"
    shutil.copytree(SOURCES, work, ignore=shutil.ignore_patterns("node_modules"))

    def npm(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["npm", *words], cwd=work, capture_output=True, text=True, timeout=60 * NODE_MINUTES, check=False
        )

    install = npm("ci", "--no-audit", "--no-fund")
    if install.returncode:
        pytest.skip(f"needs the npm registry, to build the studio anew: {install.stderr.strip().splitlines()[-1]}")
    check = npm("run", "check")
    assert check.returncode == 0, check.stdout
    build = npm("run", "build", "--", str(tmp_path / "built"))
    assert build.returncode == 0, build.stderr
    names = sorted(path.name for path in BUILT.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "built").iterdir())
    assert cmpfiles(BUILT, tmp_path / "built", names, shallow=False) == (names, [], []), (
        "cd clients/studio; npm run build"
    )
