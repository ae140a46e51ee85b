"""One table holds what was scored on the same prompts, the best first."""

import pytest

from model.evaluation.suite.results import Figure, Results, Speed
from model.evaluation.suite.table import markdown
from music.errors import TradefoursError
from tests.model.evaluation.suite.test_results import MADE

BETTER = MADE.model_copy(
    update={
        "name": "better",
        "figures": {"all": {"nmsi": Figure(value=70, low=65, high=75), "chroma": Figure(value=0.5, low=0.4, high=0.6)}},
        "speed": Speed(notes_per_s=120.4, first_note_ms=8.25, hardware="2 x made"),
    }
)
MADE_ALONE = MADE.model_copy(update={"prompts": {"all": 2, "multi": 0, "piano": 0}})


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]


def test_the_best_is_first_and_what_is_not_known_is_said() -> None:
    text = markdown([MADE_ALONE, BETTER.model_copy(update={"prompts": MADE_ALONE.prompts})])
    found = rows(text)
    assert [row[0] for row in found] == ["entry", "better", "made", "entry", "better", "made"]
    assert found[1][1:4] == ["70.0 (65.0 to 75.0)", "0.500", "none"]
    assert found[4][5:] == ["120", "8.2", "2 x made"]
    assert found[5][5:] == ["-", "-", "-"]


@pytest.mark.parametrize("change", [{"version": 2}, {"prompts_sha256": "cd"}, {"quick": True}])
def test_other_prompts_do_not_stand_in_the_table(change: dict[str, object]) -> None:
    with pytest.raises(TradefoursError, match="expected results on the same prompts, got 2 sets"):
        markdown([MADE_ALONE, BETTER.model_copy(update=change)])


@pytest.mark.parametrize("results", [[], [MADE_ALONE, MADE_ALONE]])
def test_no_entry_and_two_of_one_name_are_refused(results: list[Results]) -> None:
    with pytest.raises(TradefoursError, match=r"expected (results of one entry|a name for each entry)"):
        markdown(results)
