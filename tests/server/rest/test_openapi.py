"""The OpenAPI document is true: requests made from it, right and wrong ones, are answered as it says."""

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.server.running import run_server

CONFIG = Path(__file__).with_name("schemathesis.toml")
KEY = "0123456789abcdef"
PROGRAM = Path(sys.executable).with_name("schemathesis")


def test_the_document_names_every_route_of_v1_and_its_refusals() -> None:
    with run_server() as running:
        document = httpx.get(f"{running.http}/openapi.json", trust_env=False).json()
    ours = {path: set(about) for path, about in document["paths"].items() if path.startswith("/v1")}
    assert ours == {
        "/v1/models": {"get"},
        "/v1/status": {"get"},
        "/v1/sessions": {"get"},
        "/v1/sessions/{session}.mid": {"get"},
        "/v1/generations": {"post"},
        "/v1/generations/{id}": {"get", "delete"},
        "/v1/generations/{id}/events": {"get"},
        "/v1/generations/{id}/result": {"get"},
    }
    bodies = document["paths"]["/v1/generations"]["post"]["requestBody"]["content"]
    assert set(bodies) == {"application/json", "audio/midi", "multipart/form-data"}
    assert len(bodies["application/json"]["examples"]) == 3


@pytest.mark.skipif(shutil.which(str(PROGRAM)) is None, reason="needs schemathesis, of the extra dev")
def test_no_request_of_schemathesis_finds_it_wrong(tmp_path: Path) -> None:
    """A few examples of each operation, with and without the key; docs/rest.md has the command for many."""
    with run_server(max_generations=10_000, key=KEY) as running:
        command = [str(PROGRAM), "--config-file", str(CONFIG), "run", f"{running.http}/openapi.json", "--checks", "all"]
        command += ["--header", f"Authorization: Bearer {KEY}"]
        command += [
            "--max-examples",
            "25",
            "--phases",
            "examples,fuzzing",
            "--seed",
            "1",
            "--include-path-regex",
            "^/v1",
        ]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-5000:]
