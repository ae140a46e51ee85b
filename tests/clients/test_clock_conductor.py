"""One clock at a time: the player's own, or the DAW's; between them nothing sounds twice and bar lines agree."""

from random import Random

import pytest

from clients.clock_conductor import ClockConductor, Master
from clients.conductor import Change
from music.time import Nanos, Tick
from streaming.clock import PlayerClock

MS = 1_000_000
PULSE, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"
BAR = 1_920


def song_position(sixteenths: int) -> bytes:
    return bytes((0xF2, sixteenths % 128, sixteenths // 128))


class Studio:
    """A DAW and a keyboard around a conductor; time passes as they play."""

    def __init__(self, master: Master = "auto", bpm: float = 120) -> None:
        self.clock = PlayerClock(bpm)
        self.conductor = ClockConductor(self.clock, master, BAR)
        self.now = 1e12

    @property
    def at(self) -> Nanos:
        return Nanos(round(self.now))

    @property
    def tick(self) -> Tick | None:
        return self.clock.tick_at(self.at)

    def hear(self, message: bytes) -> Change | None:
        return self.conductor.hear(message, self.at)

    def roll(self, pulses: int, bpm: float = 120) -> list[Change]:
        """The first pulse is now; afterwards it is the moment of the one that would follow."""
        changes = []
        for _ in range(pulses):
            changes.append(self.hear(PULSE))
            self.now += 60e9 / bpm / 24
        return [change for change in changes if change]

    def wait(self, ms: float) -> Change | None:
        self.now += ms * MS
        return self.conductor.watch(self.at)


def roll_unevenly(studio: Studio, pulses: int, bpm: float, dice: Random) -> list[tuple[int, Tick]]:
    """Of each pulse that was not lost its number, and where the clock was when it should have come."""
    began, period, places = studio.now, 60e9 / bpm / 24 * (1 + 200e-6), []
    for pulse in range(pulses):
        if pulse and dice.random() < 0.05:
            continue
        studio.now = began + pulse * period + dice.uniform(-3, 3) * MS
        studio.hear(PULSE)
        tick = studio.clock.tick_at(Nanos(round(began + pulse * period)))
        assert tick is not None
        places.append((pulse, tick))
    return places


def test_the_first_key_is_bar_one_where_no_other_clock_comes() -> None:
    studio = Studio()
    assert studio.conductor.leads
    assert studio.conductor.bpm is None
    assert studio.conductor.key(studio.at) is None
    assert studio.conductor.tick_of(studio.at) == 0
    studio.wait(500)
    assert studio.tick == 480
    assert studio.conductor.bpm == 120


@pytest.mark.parametrize("master", ["auto", "midi"])
def test_a_start_of_the_daw_is_a_new_take_as_soon_as_its_tempo_is_known(master: Master) -> None:
    studio = Studio(master)
    assert studio.hear(START) is None
    studio.wait(3)
    assert studio.roll(11, bpm=97) == []
    assert studio.conductor.is_taking
    assert studio.roll(13, bpm=97) == [Change.TAKE]
    assert not studio.conductor.is_taking
    assert studio.tick == pytest.approx(480, abs=1)
    assert studio.conductor.tempo == 97
    assert studio.conductor.tick_of(studio.at) == pytest.approx(480, abs=1)


def test_a_start_ends_what_the_player_had_begun() -> None:
    studio = Studio()
    studio.conductor.key(studio.at)
    studio.conductor.tick_of(studio.at)
    studio.wait(700)
    assert studio.hear(START) is Change.STOP
    assert studio.conductor.bpm == 0
    assert not studio.conductor.leads
    assert studio.roll(24) == [Change.TAKE]


def test_our_own_start_that_is_sent_back_is_nobodys() -> None:
    studio = Studio()
    studio.conductor.key(studio.at)
    studio.conductor.tick_of(studio.at)
    studio.wait(5)
    assert studio.hear(START) is None
    assert studio.roll(24) == []
    assert studio.conductor.leads


def test_without_a_start_pulses_are_no_reason_to_follow() -> None:
    studio = Studio()
    assert studio.roll(48, bpm=90) == []
    assert studio.conductor.leads
    assert not studio.clock.runs


def test_stop_is_silence_and_continue_goes_on_where_it_was() -> None:
    studio = Studio()
    studio.hear(START)
    studio.roll(60)
    assert studio.hear(STOP) is Change.STOP
    assert studio.conductor.bpm == 0
    assert studio.conductor.stands_at == pytest.approx(1_200, abs=1)
    assert studio.hear(STOP) is None
    studio.wait(10_000)
    assert studio.hear(CONTINUE) is None
    assert studio.roll(1) == [Change.GO_ON]
    assert studio.tick == pytest.approx(1_220, abs=2)
    assert studio.conductor.bpm == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize(("sixteenths", "expected"), [(16, BAR), (4, BAR + 480), (32, BAR), (1_612, 1_440)])
def test_another_place_in_the_song_is_a_later_one_of_ours_with_the_same_place_in_its_bar(
    sixteenths: int, expected: int
) -> None:
    """It stopped at 1,200."""
    studio = Studio()
    studio.hear(START)
    studio.roll(60)
    studio.hear(STOP)
    studio.hear(song_position(sixteenths))
    studio.hear(CONTINUE)
    assert studio.roll(1) == [Change.GO_ON]
    tick = studio.clock.tick_at(Nanos(studio.at - 20_833_333))
    assert tick == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("bpm", [90, 120, 140])
def test_behind_a_song_position_the_place_is_known_to_two_milliseconds_after_the_first_beat(bpm: int) -> None:
    """Though pulses are off by up to 3 ms, the tempo by 200 ppm, and one in twenty is lost."""
    errors: list[float] = []
    for seed in range(20):
        studio, dice = Studio(bpm=bpm), Random(seed)
        studio.hear(START)
        roll_unevenly(studio, 96, bpm, dice)
        studio.hear(STOP)
        studio.wait(700)
        sixteenths = dice.randrange(1, 2_000)
        studio.hear(song_position(sixteenths))
        studio.hear(CONTINUE)
        for pulse, tick in roll_unevenly(studio, 16 * 24, bpm, dice):
            off = (tick - sixteenths * 120 - pulse * 20 + BAR // 2) % BAR - BAR // 2
            errors += [abs(off) * 60_000 / bpm / 480] if pulse >= 24 else []
    assert sorted(errors)[round(0.99 * len(errors))] <= 2


def test_a_song_that_begins_in_its_middle_has_the_bars_of_the_song() -> None:
    studio = Studio()
    studio.hear(song_position(1_600))
    studio.hear(CONTINUE)
    assert studio.roll(1) == [Change.GO_ON]
    assert studio.tick == pytest.approx(100 * BAR + 20, abs=1)


def test_a_start_after_a_stop_is_bar_one_again_at_the_tempo_that_it_has_now() -> None:
    studio = Studio()
    studio.hear(START)
    studio.roll(60)
    studio.hear(STOP)
    studio.wait(3_000)
    studio.hear(START)
    assert studio.roll(24, bpm=123) == [Change.TAKE]
    assert studio.tick == pytest.approx(480, abs=1)
    assert studio.conductor.tempo == 123


def test_a_burst_of_pulses_is_no_tempo() -> None:
    studio = Studio()
    studio.hear(START)
    assert [studio.hear(PULSE) for _ in range(100)] == [None] * 100
    assert studio.conductor.is_taking
    assert Change.TAKE in studio.roll(96)


def test_where_pulses_never_stop_a_start_is_bar_one_at_once() -> None:
    studio = Studio()
    studio.hear(START)
    studio.roll(60)
    studio.hear(STOP)
    studio.roll(48, bpm=123)
    studio.hear(START)
    assert studio.roll(1, bpm=123) == [Change.TAKE]
    assert studio.tick == pytest.approx(20, abs=1)
    assert studio.conductor.tempo == 123


@pytest.mark.parametrize("bpm", [72, 97, 121, 150])
def test_the_tempo_of_a_take_is_the_one_at_which_it_settles(bpm: int) -> None:
    """Of pulses that are off by up to 2.7 ms, as those of a DAW with a large buffer; found within two beats."""
    for seed in range(20):
        studio, dice = Studio(), Random(seed)
        studio.hear(START)
        first, tempi = studio.now, list[float]()
        for number in range(48):
            studio.now = first + number * 60e9 / bpm / 24 + dice.uniform(-2.7, 2.7) * MS
            tempi += [studio.conductor.tempo] if studio.hear(PULSE) is Change.TAKE else []
        assert tempi in ([bpm - 1], [bpm], [bpm + 1])


def test_a_new_tempo_is_told() -> None:
    studio = Studio()
    studio.hear(START)
    studio.roll(96)
    assert Change.TEMPO in studio.roll(24, bpm=132)
    assert studio.conductor.bpm == pytest.approx(132, abs=1)


def test_a_clock_that_vanishes_has_stopped_and_one_that_comes_back_goes_on() -> None:
    studio = Studio()
    studio.hear(START)
    studio.roll(48)
    assert studio.wait(400) is None
    assert studio.wait(200) is Change.STOP
    assert studio.wait(2_000) is None
    studio.now += (60e9 / 120 / 24) * (-2_600 * 24 / 500 % 1)  # to the next pulse
    assert studio.roll(2) == [Change.GO_ON]
    assert studio.tick == pytest.approx(960 + 125 * 20 + 40, abs=2)


def test_a_daw_that_has_stopped_is_not_played_with_until_a_key_comes_after_a_pause() -> None:
    studio = Studio()
    studio.hear(START)
    studio.roll(60)
    studio.hear(STOP)
    for _ in range(5):
        studio.wait(1_000)
        assert studio.conductor.key(studio.at) is None
        assert not studio.conductor.listens
        assert studio.conductor.tick_of(studio.at) == studio.conductor.stands_at
    studio.wait(2_500)
    assert studio.conductor.key(studio.at) is Change.GO_ON
    assert studio.conductor.leads
    assert studio.conductor.tick_of(studio.at) == BAR  # the next bar line
    assert studio.conductor.bpm == pytest.approx(120, abs=0.1)


def test_who_asks_for_the_midi_clock_hears_nothing_without_it() -> None:
    studio = Studio("midi")
    for _ in range(3):
        studio.wait(5_000)
        assert studio.conductor.key(studio.at) is None
        assert not studio.conductor.listens
    studio.conductor.reset()
    assert not studio.clock.runs


def test_who_asks_for_the_internal_clock_is_left_alone() -> None:
    studio = Studio("internal")
    studio.hear(START)
    assert studio.roll(48) == []
    assert studio.conductor.leads
    assert not studio.clock.runs


def test_the_third_tap_makes_a_tempo_and_one_bad_tap_does_not_matter() -> None:
    studio = Studio()
    changes = []
    for gap in (600, 600, 680, 600, 600):
        changes.append(studio.conductor.tap(studio.at))
        studio.wait(gap)
    assert changes == [None, None, Change.TEMPO, Change.TEMPO, Change.TEMPO]
    assert studio.clock.bpm == pytest.approx(100)
    studio.wait(5_000)
    assert studio.conductor.tap(studio.at) is None  # the first of others


def test_a_followed_clock_is_not_tapped() -> None:
    studio = Studio()
    studio.hear(START)
    studio.roll(48)
    for _ in range(4):
        assert studio.conductor.tap(studio.at) is None
        studio.wait(300)
    assert studio.clock.bpm == pytest.approx(120, abs=0.1)
