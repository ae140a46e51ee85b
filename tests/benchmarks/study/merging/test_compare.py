"""A difference is found as large as it is, a trend as steep."""

import pytest

from benchmarks.study.merging.compare import standings, trends
from benchmarks.study.merging.music import Music
from benchmarks.study.merging.plan import PLAIN, Way
from benchmarks.study.merging.words import Scope
from tests.benchmarks.study.merging.made_music import PIECES, made_results

WAYS = {PLAIN: 0.0, Way(1000): 1.0, Way(5000): 3.0, Way(1000, Scope.NOTE): -2.0}


def test_each_way_is_as_much_more_as_it_is() -> None:
    rows = standings(made_results(WAYS))
    assert [(row.music, row.way) for row in rows] == [(music, way) for music in Music for way in WAYS]
    for row in rows:
        assert row.more_nats.value == pytest.approx(WAYS[row.way])
        assert row.more_nmsi.value == pytest.approx(-WAYS[row.way])
        assert row.more_nats.low <= row.more_nats.value <= row.more_nats.high
    assert (rows[0].words_per_note, rows[1].words_per_note) == (5, 2)
    assert (rows[0].times_as_fast, rows[1].times_as_fast) == (1, 2)
    assert rows[1].errors["timing"] == pytest.approx(1000 / (199 * PIECES))


def test_what_new_instruments_cost_is_told_apart_from_known_ones() -> None:
    row = standings(made_results(WAYS, new=5.0))[1]
    assert row.more_nats_known.value == pytest.approx(1)
    assert row.more_nats_new.value == pytest.approx(6)
    assert row.new_pieces == PIECES // 3


def test_only_seeds_that_no_merges_have_too_are_compared() -> None:
    found = [each for each in made_results(WAYS) if each[0].way != PLAIN or each[0].seed == 2]
    assert {row.seeds for row in standings(found)} == {(2,)}
    assert standings([each for each in found if each[0].way != PLAIN]) == []


@pytest.mark.parametrize(("nmsi", "direction"), [(-1.0, -1), (1.0, 1), (0.0, 0)])
def test_a_trend_is_that_of_the_widest_scope(nmsi: float, direction: int) -> None:
    piano, band = trends(made_results(WAYS, nmsi=nmsi))
    assert (piano.music, band.music) == tuple(Music)
    assert piano.merges == (0, 1000, 5000)
    assert (piano.direction, piano.is_monotone) == (direction, True)
    assert piano.step.value == pytest.approx((piano.nmsi[2] - piano.nmsi[0]) / 2)


def test_one_vocabulary_is_no_trend() -> None:
    assert trends(made_results({PLAIN: 0.0, Way(9, Scope.NOTE): 1.0})) == []
