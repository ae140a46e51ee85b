"""A frozen machine repeats its last bar, and nothing that happens meanwhile changes it."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.score import Note
from music.time import Tick
from streaming.loop import Loop
from streaming.messages import Control, Mode, Start, Transport
from tests.streaming.live_set import Arrival, LiveSet, live_set
from tests.streaming.test_modes import ALL_MODES, steady

BAR = 1920
FREEZE_AT, THAW_AT = 4 * BAR + 100, 8 * BAR + 100
PROMISED = 240 + 1  # half a beat
SEED = 22  # plays in the bar before


def note(onset: int, pitch: int = 60, duration: int = 100) -> Note:
    return Note(Tick(onset), 1, pitch, 80, duration)


@given(st.lists(st.integers(0, 5000), max_size=9), st.integers(0, 9000), st.integers(0, 9000))
def test_a_loop_said_in_two_pieces_is_the_loop_said_at_once(onsets: list[int], cut: int, stop: int) -> None:
    loop = Loop.before(Tick(3000), BAR, map(note, onsets))
    cut, stop = sorted((cut, stop))
    assert loop.between(0, cut) + loop.between(cut, stop) == loop.between(0, stop)
    assert all(each.onset >= 3000 for each in loop.between(0, stop))
    following = loop.next_from(cut)
    assert following is None or loop.between(cut, following + 1)[0].onset == following


def test_only_the_last_bar_is_repeated_and_no_note_is_longer_than_it() -> None:
    loop = Loop.before(Tick(4000), BAR, [note(1000), note(2500, duration=9000), note(4000)])
    assert loop.between(0, 4000 + 2 * BAR) == [note(2500 + BAR, duration=BAR), note(2500 + 2 * BAR, duration=BAR)]


def frozen(mode: Mode = "duet", *, also: Iterable[tuple[int, Control]] = (), until: int = 12 * BAR) -> LiveSet:
    played = live_set(Start(mode=mode, trade_bars=1), seed=SEED, ticks_per_token=1)
    events = [(FREEZE_AT, Control(freeze=True)), *also]
    played.play([*steady(0, 14 * BAR), *((Tick(at), event) for at, event in events)], until=until)
    return played


def places(played: LiveSet, first: int, stop: int) -> set[tuple[int, int]]:
    return {(each.onset - first, each.pitch) for each in played.listener.sounded() if first <= each.onset < stop}


@pytest.mark.parametrize("mode", ["duet", "accompany", "continue"])
def test_within_a_beat_the_last_bar_comes_again_and_again_until_it_is_thawed(mode: Mode) -> None:
    played = frozen(mode, also=[(THAW_AT, Control(freeze=False))])
    start = FREEZE_AT + PROMISED
    last = places(played, start - BAR, start)
    assert last
    for bar in range(3):
        assert places(played, start + bar * BAR, start + (bar + 1) * BAR) == last
    after = places(played, THAW_AT + PROMISED + 480, THAW_AT + PROMISED + 480 + BAR)
    assert after
    assert after != places(played, start + 480, start + 480 + BAR)


@pytest.mark.parametrize("mode", ALL_MODES)
def test_while_it_is_frozen_no_note_of_the_machine_is_drawn_and_the_humans_are_still_heard(mode: Mode) -> None:
    played = frozen(mode, until=FREEZE_AT + 2)
    draws, heard = played.engine.draws, len(played.engine.tokens)
    played.play(steady(FREEZE_AT + 480, FREEZE_AT + 480 + 2 * BAR), until=FREEZE_AT + 2 * BAR + 960)
    guesses = 9  # the length of each human key
    assert played.engine.draws - draws <= guesses
    assert len(played.engine.tokens) > heard


def test_other_controls_wait_until_it_is_thawed() -> None:
    changes = [(FREEZE_AT + BAR, Control(density=-1.0, key="F#")), (FREEZE_AT + BAR + 7, Control(freeze=True))]
    played = frozen(also=changes)
    start = FREEZE_AT + PROMISED
    assert places(played, start, start + BAR) == places(played, start + 2 * BAR, start + 3 * BAR)


@pytest.mark.parametrize("action", ["stop", "end"])
def test_a_transport_lifts_it(action: str) -> None:
    at = FREEZE_AT + 2 * BAR
    played = live_set(Start(mode="duet"), seed=4)
    transport = Transport.model_validate({"action": action, "tick": at})
    arrivals: list[Arrival] = [*steady(0, at - 480), (Tick(FREEZE_AT), Control(freeze=True)), (Tick(at), transport)]
    played.play(arrivals, until=at + 6 * BAR)
    assert max(each.onset for each in played.listener.sounded()) <= at + 2 * BAR
    played.play(steady(at + 6 * BAR, at + 10 * BAR), until=at + 10 * BAR)
    assert places(played, at + 6 * BAR, at + 10 * BAR), "the human's next note starts it again"
