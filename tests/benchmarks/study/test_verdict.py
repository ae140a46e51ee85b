"""The default is what the rule finds, whatever is shipped."""

import re
from dataclasses import replace
from typing import Any

from benchmarks.study.compare import Standing, standings
from benchmarks.study.plan import Match
from benchmarks.study.speed import faster
from benchmarks.study.verdict import Shipped, shipped, verdict
from model.networks.config import Sharing
from model.registry import load
from tests.benchmarks.study.made_study import made_results

OURS = Shipped(Sharing.ROUTED, 2048)


def at_equal_time(worse: dict[str, float], seeds: int = 3) -> list[Standing]:
    return standings([(replace(run, match=Match.TIME), each) for run, each in made_results(worse, seeds=seeds)])


def test_the_best_prediction_at_equal_time_is_chosen_and_told_if_it_is_shipped() -> None:
    rows = at_equal_time({"mha": 0.0, "gqa": -30.0, "routed": -60.0})
    (_, text) = verdict(rows, OURS)
    assert re.search(r"It chooses `routed`, with -60\.00 \(.*\) % nats a token \(better than `mha`\)", text)
    assert text.endswith("`small` shares so: **they agree**.")
    (_, text) = verdict(rows, Shipped(Sharing.GQA, 2048))
    assert "`small` is `gqa`: **they do not agree**" in text
    assert text.endswith("with `--sharing routed`.")


def test_full_attention_may_be_chosen() -> None:
    (_, text) = verdict(at_equal_time({"mha": 0.0, "routed": 60.0}), OURS)
    assert "It chooses `mha`. `small` is `routed`" in text


def test_who_is_as_good_as_seeds_can_tell_is_named() -> None:
    (_, text) = verdict(at_equal_time({"mha": 0.0, "gqa": 1e-6, "routed": 60.0}), OURS)
    assert "It chooses `mha`; `gqa` differ from it by less than seeds of `mha` do" in text


def test_without_the_table_nothing_is_chosen() -> None:
    rows = standings(made_results({"mha": 0.0, "gqa": -30.0}))
    assert verdict(rows, OURS)[-1].endswith("That table is not there yet.")


def test_speed_is_that_of_the_full_context_or_the_longest_known() -> None:
    places = [("small", 512, 1, 2.0), ("small", 2048, 1, 3.0), ("small", 2048, 8, 9.0), ("study", 2048, 1, 9.0)]
    names = ("shape", "context", "sequences", "times_as_fast")
    rows: list[dict[str, Any]] = [dict(zip(names, place, strict=True)) | {"way": "gqa"} for place in places]
    assert [faster({"rows": rows}, context) for context in (500, 1024, 4096)] == [{"gqa": x} for x in (2.0, 3.0, 3.0)]


def test_what_is_shipped_is_read() -> None:
    config = load("small").config
    assert shipped() == Shipped(config.sharing, config.context)
