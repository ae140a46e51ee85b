"""A results file is what the documentation says, or is refused in one sentence."""

import re

import pytest

from model.evaluation.suite.results import Figure, Files, Results, Speed, read_results, read_speed
from music.errors import TradefoursError
from tests.conftest import ROOT

MADE = Results(
    version=1,
    prompts_sha256="ab",
    name="made",
    quick=False,
    prompts={"all": 2},
    pieces={"all": 1},
    files=Files(),
    figures={"all": {"nmsi": Figure(value=50, low=40, high=60)}},
)


def test_results_come_back_from_their_file() -> None:
    assert read_results(MADE.model_dump_json(), "x.json") == MADE


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "no json", MADE.model_dump_json().replace("results 1", "results 9"), '{"format": NaN}'],
)
def test_what_is_no_results_file_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(TradefoursError, match=r"^expected a results file at x.json, got: [^\n]+$"):
        read_results(text, "x.json")


@pytest.mark.parametrize("text", ["", '{"notes_per_s": -1, "first_note_ms": 2, "hardware": "a"}', '{"notes_per_s": 1}'])
def test_a_speed_without_its_hardware_is_refused(text: str) -> None:
    with pytest.raises(TradefoursError, match=r"^expected notes_per_s, first_note_ms and hardware in s.json, got: .+$"):
        read_speed(text, "s.json")


@pytest.mark.parametrize("model", [Results, Files, Speed])
def test_every_field_is_described(model: type[Results]) -> None:
    text = (ROOT / "docs/benchmark-suite.md").read_text()
    described = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert set(model.model_fields) <= described
