"""The default is what the rule finds, whatever is shipped."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.study.compare import standings
from benchmarks.study.plan import Match
from benchmarks.study.verdict import HEADROOM, Candidate, Live, beside, best_of, candidates, chosen, live, verdict
from model.evaluation.intervals import Interval
from model.networks.config import Sharing
from model.registry import load
from tests.benchmarks.study.made_study import made_results
from tests.model.training.made_corpus import made_corpus

RUNS = made_results({"mha": 0.0, "gqa": 1.0, "routed": 2.0, "mqa": 3.0}, seeds=1)
ROWS = standings(RUNS)
TOKENS_A_NOTE = ROWS[0].nats_per_note / ROWS[0].nats_per_token


def asked(sharing: Sharing = Sharing.ROUTED) -> Live:
    """100 tokens a second: three times as many leave 3.33 ms to a step."""
    return Live(sharing, 1024, 100 / TOKENS_A_NOTE, has_own_step=sharing is Sharing.GQA)


def made_speed(**ms: float) -> dict[str, Any]:
    places = [("small", 512, 1, 0.01), ("small", 2048, 1, 1), ("small", 2048, 8, 2), ("study", 2048, 1, 0.01)]
    return {
        "rows": [
            {"shape": shape, "context": context, "sequences": count, "way": way, "ms_p50": times * each}
            for shape, context, count, times in places
            for way, each in ms.items()
        ]
    }


def choice(speed: dict[str, Any]) -> Candidate:
    found = candidates(ROWS, speed, asked())
    best = best_of(found)
    assert best is not None
    told = chosen(found, beside(best.row, RUNS))
    assert told is not None
    return told


def test_head_room_is_what_the_full_context_leaves() -> None:
    gqa, routed = candidates(ROWS, made_speed(mha=5.0, gqa=2.5, routed=2.0), asked())[1:]
    assert [gqa.alone, gqa.crowd, routed.alone] == pytest.approx([4, 4 / 2, 5])
    assert (gqa.row.way, gqa.players) == ("gqa", 8)


@pytest.mark.parametrize(
    ("mha", "gqa", "best"), [(3.3, 2.0, "mha"), (3.4, 3.3, "gqa"), (9.0, 3.4, "routed"), (9.0, 3.3, "gqa")]
)
def test_the_best_prediction_of_those_that_keep_up_is_chosen(mha: float, gqa: float, best: str) -> None:
    found = choice(made_speed(mha=mha, gqa=gqa, routed=1.0, mqa=0.5))
    assert (found.row.way, found.alone >= HEADROOM) == (best, True)


def test_who_cannot_keep_up_with_a_crowd_is_not_chosen() -> None:
    speed = made_speed(mha=2.0, gqa=1.5, routed=1.0, mqa=0.5)
    for row in speed["rows"]:
        if (row["way"], row["sequences"]) == ("mha", 8):
            row["ms_p50"] = 10.1  # for each of eight, of whom each asks for a hundred tokens a second
    found = choice(speed)
    assert found.row.way == "gqa"


def test_of_predictions_that_are_not_told_apart_from_the_best_the_fastest_is_chosen() -> None:
    found = candidates(ROWS, made_speed(mha=3.0, gqa=2.0, routed=1.0, mqa=0.5), asked())
    told = beside(ROWS[0], RUNS)
    near = [told | {"gqa": Interval(1.0, low, 3.0)} for low in (0.1, -0.1)]
    best = [chosen(found, each) for each in near]
    assert [each and each.row.way for each in best] == ["mha", "gqa"]


def test_the_page_says_whether_what_is_shipped_agrees() -> None:
    speed = made_speed(mha=5.0, gqa=2.5, routed=1.25)
    _, rule, _, text = verdict(ROWS, RUNS, speed, asked())
    assert "(equal width)" in rule
    assert "**The rule chooses `gqa`; `small` shares `routed`: they do not agree.**" in text
    assert "`routed` costs 1.0 % more nats a note than `gqa` and keeps 2.0 times its head-room" in text
    assert text.endswith("the rule waits for that table to be as full.")
    assert verdict(ROWS, RUNS, speed, asked(Sharing.GQA))[-1].endswith("they agree.")
    agreed = verdict(ROWS, RUNS, made_speed(mha=5.0, gqa=4.0, routed=1.0), asked())[-1]
    assert agreed.endswith("had no step of their own in training; the next weights' will.")
    assert "so the rule chooses none" in verdict(ROWS, RUNS, made_speed(mha=50.0, routed=50.0), asked())[-1]


def test_the_table_of_the_next_weights_counts_as_soon_as_it_is_as_full() -> None:
    made = made_results({"mha": 0.0, "routed": -1.0}, seeds=1)
    own = [(replace(run, match=Match.OWN_STEP), each) for run, each in made]
    speed = made_speed(mha=1.0, gqa=1.0, routed=1.0)
    assert "The rule chooses `mha`" in verdict(standings([*RUNS, *own]), [*RUNS, *own], speed, asked(Sharing.MHA))[-1]
    _, rule, _, text = verdict(standings([*RUNS[:2], *own]), [*RUNS[:2], *own], speed, asked())
    assert "a step of their own)" in rule
    assert "The rule chooses `routed`" in text
    assert verdict(standings(own), own, speed, asked(Sharing.MHA))[-1].endswith(
        "The next are to be trained with `--sharing routed`."
    )


def test_what_is_asked_is_read_from_the_music_and_from_what_is_shipped() -> None:
    found, config = live(made_corpus()), load("small").config
    assert (found.sharing, found.context) == (config.sharing, config.context)
    assert 1 < found.notes_per_s < 50
