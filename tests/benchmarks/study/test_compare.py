"""A difference is found as large as it is, and chance is not taken for one."""

import pytest

from benchmarks.study.compare import dissections, standings
from benchmarks.study.plan import Match
from tests.benchmarks.study.made_study import PIECES, made_results


def test_each_way_is_beside_mha_with_the_seeds_that_both_have() -> None:
    found = [each for each in made_results({"mha": 0, "routed": 2.0}) if (each[0].way, each[0].seed) != ("mha", 1)]
    mha, routed = standings(found)
    assert (mha.way, mha.seeds, routed.way, routed.seeds) == ("mha", (0, 2), "routed", (0, 2))
    assert routed.more_nats.value == pytest.approx(2)
    assert routed.more_nmsi.value == pytest.approx(-2)
    assert {round(each.value, 6) for each in routed.more_nats_by_group.values()} == {2}
    assert (routed.pieces, mha.more_nats.value) == (PIECES, 0)


def test_any_two_ways_may_be_set_apart() -> None:
    rows = standings(made_results({"mha": 0, "gqa": 1.0, "routed": 2.0}), "gqa")
    told = {row.way: row.more_nats for row in rows}
    assert (told["gqa"].low, told["gqa"].high) == (0, 0)
    assert told["routed"].value == pytest.approx(100 * (1.02 / 1.01 - 1))
    assert told["mha"].high < 0 < told["routed"].low


def test_without_mha_there_is_nothing_to_compare() -> None:
    assert standings(made_results({"routed": 1.0})) == []


def test_heads_are_looked_at_where_they_were_measured() -> None:
    found = dissections(made_results({"mha": 0, "grouped": 0, "mqa": 0}), Match.WIDTH)
    assert set(found) == {"mha", "grouped"}
    assert found["grouped"]["mass"].shape == (3, 2, 4, 4)
