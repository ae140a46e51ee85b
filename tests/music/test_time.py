from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.errors import BadSetting
from music.time import (
    FREE,
    NOMINAL_BPM,
    TICKS_PER_QUARTER,
    Bar,
    Meter,
    MeterChange,
    MeterMap,
    Nanos,
    Tempo,
    TempoMap,
    Tick,
)
from tests.strategies import PIECE_TICKS, meter_changes, meters, tempos

MS = 1_000_000
ticks = st.integers(0, 2**40).map(Tick)
near_ticks = st.integers(-PIECE_TICKS, 2 * PIECE_TICKS).map(Tick)


# ---- tempo -------------------------------------------------------------------------------------------


@given(tempos(), st.one_of(ticks, near_ticks))
def test_a_tick_survives_the_way_to_nanoseconds_and_back(changes: tuple[Tempo, ...], tick: Tick) -> None:
    time = TempoMap(changes)
    assert time.tick_at(time.nanos_at(tick)) == tick


@given(tempos(fastest_us=60_000), st.integers(-(10**12), 10**15).map(Nanos))
def test_a_moment_is_at_most_half_a_tick_from_its_tick(changes: tuple[Tempo, ...], nanos: Nanos) -> None:
    time = TempoMap(changes)
    tick = time.tick_at(nanos)
    before, at, after = (time.nanos_at(Tick(tick + step)) for step in (-1, 0, 1))
    # Two nanoseconds for the rounding of both.
    assert at - (at - before) // 2 - 2 <= nanos <= at + (after - at) // 2 + 2


@given(tempos(), near_ticks, st.integers(1, PIECE_TICKS))
def test_a_later_tick_is_a_later_moment(changes: tuple[Tempo, ...], tick: Tick, more: int) -> None:
    time = TempoMap(changes)
    assert time.nanos_at(tick) < time.nanos_at(Tick(tick + more))


@given(tempos(), st.integers(0, 10**12), st.integers(0, 10**10))
def test_a_later_moment_is_never_an_earlier_tick(changes: tuple[Tempo, ...], nanos: int, more: int) -> None:
    time = TempoMap(changes)
    assert time.tick_at(Nanos(nanos)) <= time.tick_at(Nanos(nanos + more))


@given(tempos(), st.integers(0, PIECE_TICKS), near_ticks)
def test_to_say_the_tempo_again_changes_nothing(changes: tuple[Tempo, ...], again: int, tick: Tick) -> None:
    time = TempoMap(changes)
    spoken = [change for change in time.changes if change.tick <= again][-1]
    said_twice = TempoMap([*changes, Tempo(Tick(again), spoken.us_per_quarter)])
    assert said_twice.nanos_at(tick) == time.nanos_at(tick)


@given(tempos())
def test_a_piece_lasts_as_long_as_its_stretches_together(changes: tuple[Tempo, ...]) -> None:
    time = TempoMap(changes)
    ends = [*(change.tick for change in changes), Tick(PIECE_TICKS + 480)]
    scaled = sum((b - a) * change.us_per_quarter * 1000 for change, (a, b) in zip(changes, pairwise(ends), strict=True))
    assert abs(time.nanos_at(ends[-1]) * TICKS_PER_QUARTER - scaled) <= TICKS_PER_QUARTER // 2


@given(st.integers(1, 3_000_000), st.integers(-1000, 10**9))
def test_at_one_tempo_quarters_are_exact_at_any_distance(pace: int, quarters: int) -> None:
    time = TempoMap([Tempo(Tick(0), pace)])
    assert time.nanos_at(Tick(quarters * TICKS_PER_QUARTER)) == quarters * pace * 1000


@given(near_ticks)
def test_an_unmetered_tick_is_a_millisecond(tick: Tick) -> None:
    time = TempoMap([Tempo.from_bpm(NOMINAL_BPM)])
    assert time.nanos_at(tick) == tick * MS


@given(tempos().flatmap(st.permutations))
def test_changes_may_come_in_any_order(changes: list[Tempo]) -> None:
    assert TempoMap(changes).changes == tuple(sorted(changes, key=lambda change: change.tick))


def test_the_first_tempo_holds_before_its_tick() -> None:
    time = TempoMap([Tempo(Tick(960), 250_000), Tempo(Tick(1920), 500_000)])
    assert time.nanos_at(Tick(480)) == 250 * MS
    assert time.bpm_at(Tick(0)) == time.bpm_at(Tick(1919)) == 240
    assert time.bpm_at(Tick(1920)) == 120


def test_music_without_a_tempo_goes_at_120() -> None:
    assert TempoMap().bpm_at(Tick(0)) == 120


@given(st.floats(4, 1000))
def test_a_tempo_keeps_its_bpm_within_a_thousandth(bpm: float) -> None:
    assert Tempo.from_bpm(bpm).bpm == pytest.approx(bpm, rel=1e-4)


@pytest.mark.parametrize("bpm", [0, -1, 3.9, 1001, float("nan"), float("inf")])
def test_a_tempo_that_no_one_plays_is_refused(bpm: float) -> None:
    with pytest.raises(BadSetting, match="4 to 1000 bpm"):
        Tempo.from_bpm(bpm)


# ---- meter -------------------------------------------------------------------------------------------


@given(meters.filter(lambda meter: 1 <= meter.numerator <= 64))
def test_a_meter_is_read_as_it_is_written(meter: Meter) -> None:
    assert Meter.parse(str(meter)) == meter


@pytest.mark.parametrize(
    "text",
    ["9" * 5000 + "/4", "", "4", "4/", "/4", "0/4", "65/4", "4/3", "4/128", "-4/4", "4/4/4", "3.5/4", "\u0664/4"],
)
def test_what_is_no_meter_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="a meter such as"):
        Meter.parse(text)


@given(meters)
def test_a_bar_has_a_whole_number_of_ticks(meter: Meter) -> None:
    beats = meter.numerator or 4
    assert meter.bar_ticks * meter.denominator == beats * 4 * TICKS_PER_QUARTER


def test_unmetered_music_is_written_in_bars_of_four_quarters() -> None:
    assert FREE.bar_ticks == 4 * TICKS_PER_QUARTER
    assert str(FREE) == "unmetered"


@given(meter_changes())
def test_bars_follow_one_another_and_cover_every_tick(changes: tuple[MeterChange, ...]) -> None:
    bars = MeterMap(changes)
    bar, seen = bars.bar_at(Tick(0)), {0}
    while bar.tick < PIECE_TICKS:
        after = bars.next_bar(bar)
        assert bar.tick < after.tick <= bar.end
        for tick in {bar.tick, (bar.tick + after.tick) // 2, after.tick - 1}:
            assert bars.bar_at(Tick(tick)) == bar
        seen.add(after.tick)
        bar = after
    assert {change.tick for change in changes} <= seen


@given(meter_changes(), near_ticks)
def test_a_tick_lies_in_its_bar(changes: tuple[MeterChange, ...], tick: Tick) -> None:
    bars = MeterMap(changes)
    bar = bars.bar_at(tick)
    assert bar.tick <= tick < bar.end
    assert bars.bar_at(bar.tick) == bar


def test_bar_lines_are_exact_over_changes_of_meter() -> None:
    bars = MeterMap([MeterChange(Tick(3840), Meter(3, 4)), MeterChange(Tick(6720), Meter(7, 8))])
    lines, bar = [0], bars.bar_at(Tick(0))
    for _ in range(6):
        bar = bars.next_bar(bar)
        lines.append(bar.tick)
    assert lines == [0, 1920, 3840, 5280, 6720, 8400, 10080]


def test_a_change_inside_a_bar_starts_the_next_bar_early() -> None:
    bars = MeterMap([MeterChange(Tick(2400), Meter(3, 4))])
    assert bars.next_bar(Bar(Tick(1920), Meter())) == Bar(Tick(2400), Meter(3, 4))
    assert bars.bar_at(Tick(2399)) == Bar(Tick(1920), Meter())


def test_of_two_meters_at_one_tick_the_last_counts() -> None:
    bars = MeterMap([MeterChange(Tick(0), Meter(3, 4)), MeterChange(Tick(0), Meter(5, 8))])
    assert bars.bar_at(Tick(0)).meter == Meter(5, 8)
