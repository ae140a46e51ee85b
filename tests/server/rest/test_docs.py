"""What docs/rest.md says is what the server does."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from music.files import write_midi
from music.score import Note, Part, Score
from music.time import Tick
from streaming.generations import Generation, GenerationRequest
from tests.conftest import ROOT
from tests.server.running import run_server

REST = (ROOT / "docs/rest.md").read_text()


def section(title: str) -> str:
    return REST.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_option_is_described_with_its_default_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", section("Ask"), re.MULTILINE))

    def shown(default: Any) -> str:
        if isinstance(default, str):
            return default or '""'
        return f"{default:g}" if isinstance(default, float) else json.dumps(default)

    assert rows == {name: shown(field.default) for name, field in GenerationRequest.model_fields.items()}


def test_every_field_of_a_generation_is_described() -> None:
    assert re.findall(r"^\| `(\w+)` \|", section("Follow"), re.MULTILINE) == list(Generation.model_fields)


def test_every_code_of_a_refusal_is_in_the_table_and_no_other() -> None:
    files = [*(ROOT / "server/rest").glob("*.py"), *(ROOT / "server").glob("*.py")]
    source = "".join(file.read_text() for file in files)
    found = re.findall(r'Problem\(\s*(\d{3}), "(\w+)"', source)
    found += [("422", "bad_midi"), ("422", "bad_request"), ("410", "cancelled"), ("410", "expired")]  # by a condition
    rows = re.findall(r"^\| (\d{3}) \| (.+?) \|", section("Refusals"), re.MULTILINE)
    written = {(status, code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert set(found) == written


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_work_as_written(tmp_path: Path) -> None:
    score = Score((Part(0),), tuple(Note(Tick(i * 480), 0, 60 + i, 80, 480) for i in range(12)))
    (tmp_path / "in.mid").write_bytes(write_midi(score))
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", REST, re.DOTALL))
    script = "".join(
        f"{each}\n" for each in re.findall(r"^curl (?:.*\\\n|.*'\{\n(?:.*\n)*?.*\}'|.*)+", blocks, re.MULTILINE)
    )
    with run_server() as running:
        script = script.replace("http://127.0.0.1:8765", running.http).replace("curl ", "curl -sS -f --noproxy '*' ")
        first, rest = script.split("curl -sS -f --noproxy '*' -o", 1)
        asked = run(first, tmp_path)
        id = json.loads(asked)["id"]
        rest = f"curl -sS -f --noproxy '*' -o{rest}".replace("d822d4a5e2cb0493", id).replace("/ID", f"/{id}")
        said = run(rest, tmp_path)
    assert (tmp_path / "out.mid").read_bytes()[:4] == b"MThd"
    assert said.count('"status":"queued"') == 3  # the three forms
    assert "event: generation" in said


def run(script: str, folder: Path) -> str:
    done = subprocess.run(["sh", "-ec", script], cwd=folder, env=os.environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, script + done.stderr
    return done.stdout
