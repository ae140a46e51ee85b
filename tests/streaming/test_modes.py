"""Who plays when: the modes beside answer and duet, players who come and go, and the end of a piece."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.engine.work import Draw
from model.tokens.codec import decode
from model.tokens.vocabulary import BAR as BAR_LINE
from model.tokens.vocabulary import POSITION
from music.errors import BadSetting
from music.events import NoteOff, NoteOn
from music.time import Tick
from streaming.messages import Control, Mode, Pedal, PlayerPart, PromptNote, Start, Transport
from streaming.session import Session
from tests.streaming.live_set import Arrival, FakeEngine, LiveSet, live_set, playing, scribe_of

BAR = 1920
ALL_MODES: tuple[Mode, ...] = ("answer", "duet", "accompany", "trade", "continue")


def key(tick: int, length: int = 100, pitch: int = 60, part: int = 0) -> list[Arrival]:
    down, up = NoteOn(Tick(tick), part, pitch, 80), NoteOff(Tick(tick + length), part, pitch)
    return [(Tick(tick), down), (Tick(tick + length), up)]


def steady(start: int, end: int, spacing: int = 480, part: int = 0) -> list[Arrival]:
    return [
        arrival
        for i, tick in enumerate(range(start, end, spacing))
        for arrival in key(tick, spacing // 2, 60 + i % 12, part)
    ]


def onsets(played: LiveSet) -> list[int]:
    return sorted(note.onset for note in played.listener.sounded())


def prompt(bars: int = 2) -> tuple[PromptNote, ...]:
    return tuple(
        PromptNote(tick=480 * i, duration=400, part=i % 2, pitch=60 + i % 8, velocity=80) for i in range(4 * bars)
    )


# ---- laws ----------------------------------------------------------------------------------------------


controls = st.one_of(
    st.builds(
        Control,
        mode=st.sampled_from([None, *ALL_MODES]),
        density=st.sampled_from([None, -1, 0.5]),
        key=st.sampled_from([None, "", "D dorian"]),
        chords=st.sampled_from([None, "", "follow", "C | F G"]),
        mute=st.sampled_from([None, (), (1,)]),
        freeze=st.sampled_from([None, None, True, False]),
        repetition_guard=st.sampled_from([None, 0, 2]),
        machine=st.sampled_from([None, (PlayerPart(part=2), PlayerPart(part=3, program=128))]),
    ),
    st.builds(Transport, action=st.sampled_from(["stop", "end"]), tick=st.just(0)),
    st.builds(Pedal, tick=st.integers(0, 9000), down=st.booleans()),
)


@given(
    st.sampled_from(ALL_MODES),
    playing(),
    st.lists(st.tuples(st.integers(0, 9000), controls), max_size=5),
    st.integers(0, 40),
    st.integers(0, 2),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_whatever_happens_what_is_promised_is_kept_and_what_is_older_than_a_human_note_is_reviewed(
    mode: Mode,
    arrivals: list[Arrival],
    changes: list[tuple[int, Control]],
    cost: int,
    count_in: int,
    expects_human: float,
) -> None:
    start = Start(mode=mode, count_in_bars=count_in, prompt=prompt() if mode == "continue" else ())
    played = live_set(start, ticks_per_token=cost, expects_human=expects_human)
    played.listener.machine |= {2, 3}
    played.play([*arrivals, *((Tick(tick), event) for tick, event in changes)], until=20_000)
    listener = played.listener
    open_notes = listener.told.keys() - listener.committed - listener.cancelled
    assert all(listener.told[id].tick >= 20_000 for id in open_notes), "what has passed was kept or taken back"
    if any(getattr(event, "freeze", None) for _, event in changes):
        return  # what is frozen is not reviewed
    for heard_at, newest in ((at, event.tick) for at, event in arrivals if isinstance(event, NoteOn)):
        for id in listener.committed:
            was_before = listener.heard_at[id] < heard_at
            promised_after = listener.committed_at[id] > heard_at + 4 * cost
            assert not (was_before and promised_after and listener.told[id].tick >= newest)


@given(st.sampled_from(ALL_MODES), playing(notes=20), st.integers(0, 9))
def test_the_same_seed_and_input_give_the_same_set_in_every_mode(
    mode: Mode, arrivals: list[Arrival], seed: int
) -> None:
    start = Start(mode=mode, prompt=prompt(), trade_bars=1, density=0.3, key="C", leave_space=0.5)
    sets = [live_set(start, seed=seed) for _ in range(2)]
    for played in sets:
        played.play(arrivals, until=12_000)
    assert sets[0].listener.plans == sets[1].listener.plans


def test_a_note_half_written_beyond_a_turn_that_ends_earlier_now_is_given_up() -> None:
    on = NoteOn(Tick(100), 0, 59, 1)
    arrivals: list[Arrival] = [(Tick(100), on) for _ in range(5)]
    arrivals += [(Tick(146), NoteOn(Tick(103), 0, 59, 1)), (Tick(220), NoteOff(Tick(220), 0, 59))]
    played = live_set(Start(mode="accompany", count_in_bars=2), ticks_per_token=15)
    played.play(arrivals, until=20_000)
    assert all(note.duration > 0 for note in played.listener.sounded())


# ---- trade ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bars", [1, 2])
@pytest.mark.parametrize("count_in", [0, 1])
def test_the_machine_trades_whole_bars_on_the_bar_line_and_the_human_has_the_others(bars: int, count_in: int) -> None:
    played = live_set(Start(mode="trade", trade_bars=bars, count_in_bars=count_in), seed=5)
    played.play(steady(count_in * BAR, (count_in + bars) * BAR), until=(count_in + 4 * bars) * BAR)
    begin, end = (count_in + bars) * BAR, (count_in + 2 * bars) * BAR
    music = [tick for tick in onsets(played) if tick >= count_in * BAR]
    assert music
    assert all(begin <= tick < end for tick in music), "once: then the human rests, and so does the machine"
    assert music[0] <= begin + 480
    assert max(note.end for note in played.listener.sounded()) <= end


def test_a_trade_is_ready_at_the_bar_line_however_long_the_human_plays() -> None:
    played = live_set(Start(mode="trade", trade_bars=1), ticks_per_token=2)
    played.play(steady(0, BAR - 10, spacing=120), until=2 * BAR)
    assert BAR <= onsets(played)[0] <= BAR + 480


def test_rounds_go_on_as_long_as_the_human_plays_theirs() -> None:
    played = live_set(Start(mode="trade", trade_bars=1), seed=1)
    human = [arrival for round in range(4) for arrival in steady(2 * round * BAR, (2 * round + 1) * BAR)]
    played.play(human, until=12 * BAR)
    assert {tick // BAR for tick in onsets(played)} == {1, 3, 5, 7}


def test_the_count_in_clicks_every_beat_and_the_network_does_not_hear_it() -> None:
    start = Start(mode="trade", count_in_bars=1, machine=(PlayerPart(part=1), PlayerPart(part=2, program=128)))
    played = live_set(start)
    played.play([], until=2 * BAR)
    assert [(note.onset, note.part, note.pitch) for note in played.listener.sounded()] == [
        (480, 2, 37),
        (960, 2, 37),
        (1440, 2, 37),
    ], "the first beat is the one at which the clock was heard: too late to click"
    assert not decode(played.engine.tokens).notes


# ---- accompany -----------------------------------------------------------------------------------------


def test_an_accompanist_plays_with_the_human_and_stops_soon_after() -> None:
    played = live_set(Start(mode="accompany"), seed=2)
    played.play(steady(0, 6 * BAR), until=20 * BAR)
    ticks = onsets(played)
    assert ticks[0] < BAR
    assert 4 * BAR < ticks[-1] < 8 * BAR
    assert played.session.next_wake(played.now) is None


def test_an_accompanist_plays_on_under_a_held_note() -> None:
    played = live_set(Start(mode="accompany"), seed=2)
    played.play(key(0, 4 * BAR), until=12 * BAR)
    assert 3 * BAR < onsets(played)[-1] < 6 * BAR


# ---- continue ------------------------------------------------------------------------------------------


class Reluctant(FakeEngine):
    """Would rather not play: it draws the bar line wherever it may, or else the last position."""

    def _draw(self, draw: Draw) -> int:
        token = super()._draw(draw)
        bars = [BAR_LINE[0] for first, _ in draw.allowed if first in BAR_LINE]
        positions = [stop - 1 for first, stop in draw.allowed if first in POSITION]
        return next(iter(bars + positions), token)


@pytest.mark.parametrize("mode", ["duet", "continue"])
def test_nobody_rests_for_longer_than_two_bars_while_the_music_is_the_machines(mode: Mode) -> None:
    start = Start(mode=mode)
    live = LiveSet(Session(start, capacity=10**6), Reluctant(), live_set(start).listener)
    live.play(steady(0, 480), until=8 * BAR)
    onsets = [0, *sorted({note.onset for note in live.listener.sounded()}), 8 * BAR]
    assert all(later - before <= 2 * BAR for before, later in pairwise(onsets))
    assert len(onsets) <= 7


@pytest.mark.parametrize(("mode", "bars"), [("duet", 4), ("accompany", 1), ("continue", 4)])
@pytest.mark.parametrize("expected", [0.0, 1.0])
def test_the_machine_is_soon_back_however_much_the_human_is_expected_to_play(
    mode: Mode, bars: int, expected: float
) -> None:
    live = live_set(Start(mode=mode), seed=2, expects_human=expected)
    live.play(steady(7 * BAR, 27 * BAR), until=27 * BAR)
    onsets = [7 * BAR, *sorted(note.onset for note in live.listener.sounded() if note.onset > 7 * BAR), 27 * BAR]
    assert all(later - before <= bars * BAR + 120 for before, later in pairwise(onsets))


def test_who_begins_late_is_not_answered_at_once_but_as_music_has_it() -> None:
    live = live_set(Start(mode="duet"), seed=2)
    live.play(steady(9 * BAR, 13 * BAR), until=13 * BAR)
    first = min(note.onset for note in live.listener.sounded())
    assert 9 * BAR + 100 < first <= 13 * BAR


def test_a_continuation_begins_by_itself_after_its_prompt_and_goes_on() -> None:
    played = live_set(Start(mode="continue", prompt=prompt(bars=3)), seed=3)
    played.play([], until=12 * BAR)
    ticks = onsets(played)
    assert ticks[0] < BAR
    assert ticks[-1] > 10 * BAR
    said = decode(played.engine.tokens).notes
    told = [(n.onset, 1 - n.part, n.pitch) for n in said[:12]]  # the human's slot is behind the machine's
    assert told == [(480 * i, i % 2, 60 + i % 8) for i in range(12)]
    machine = min(note.onset for note in said[12:])
    assert machine >= 3 * BAR, "the prompt is heard before the music"


def test_a_prompt_has_parts_that_somebody_plays() -> None:
    with pytest.raises(BadSetting, match="part 9"):
        Session(Start(prompt=(PromptNote(tick=0, duration=1, part=9, pitch=60, velocity=1),)), capacity=1024)


def test_a_continuation_listens_to_a_human_who_joins_in_and_rests_when_stopped() -> None:
    played = live_set(Start(mode="continue", prompt=prompt()), seed=3)
    played.play([*key(3 * BAR), (Tick(5 * BAR), Transport(action="stop", tick=5 * BAR))], until=9 * BAR)
    assert any(plan.cancel for plan in played.listener.plans)
    assert onsets(played)[-1] < 5 * BAR


# ---- the end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["duet", "accompany", "continue"])
@pytest.mark.parametrize("at", [4 * BAR - 600, 4 * BAR - 10, 4 * BAR + 700])
def test_an_end_is_a_chord_of_the_key_on_a_bar_line_within_two_bars(mode: Mode, at: int) -> None:
    played = live_set(Start(mode=mode, key="D"), seed=4)
    played.play([*steady(0, 5 * BAR, part=0), (Tick(at), Transport(action="end", tick=at))], until=6 * BAR)
    sounded = played.listener.sounded()
    last = max(note.onset for note in sounded)
    assert last % BAR == 0
    assert at < last <= at + 2 * BAR
    final = [note for note in sounded if note.onset == last]
    assert {note.pitch % 12 for note in final} <= {2, 6, 9}
    assert all(BAR // 2 - 10 <= note.duration <= BAR for note in final)


def test_after_the_end_the_human_begins_again() -> None:
    played = live_set(Start(mode="duet"), seed=4)
    end = (Tick(2 * BAR), Transport(action="end", tick=2 * BAR))
    played.play([*steady(0, 3 * BAR), end, *steady(8 * BAR, 9 * BAR)], until=10 * BAR)
    ticks = onsets(played)
    assert not [tick for tick in ticks if 4 * BAR < tick < 8 * BAR]
    assert ticks[-1] > 8 * BAR


# ---- players -------------------------------------------------------------------------------------------


def test_two_humans_and_two_machines_play_at_once() -> None:
    human = (PlayerPart(part=0), PlayerPart(part=1, program=40))
    machine = (PlayerPart(part=2, program=32), PlayerPart(part=3, program=128))
    played = live_set(Start(mode="duet", human=human, machine=machine), seed=6)
    played.play([*steady(0, 3 * BAR, part=0), *steady(240, 3 * BAR, part=1)], until=4 * BAR)
    assert {note.part for note in played.listener.sounded()} == {2, 3}
    assert {note.part for note in decode(played.engine.tokens).notes} == {0, 1, 2, 3}


def test_a_second_human_joins_and_is_heard() -> None:
    played = live_set(Start(mode="duet"), seed=6)
    played.play(steady(0, BAR), until=BAR)
    played.session.join(PlayerPart(part=5, program=40))
    played.play([*steady(BAR, 2 * BAR, part=0), *steady(BAR + 240, 2 * BAR, part=5)], until=3 * BAR)
    order = scribe_of(played.session).transcript.header.order
    assert order == (1, 0, 5)
    assert {order[note.part] for note in decode(played.engine.tokens).notes} >= {0, 5}
    with pytest.raises(BadSetting, match="nobody plays, got 5"):
        played.session.join(PlayerPart(part=5))


def test_the_machine_takes_another_part_while_it_plays() -> None:
    played = live_set(Start(mode="duet"), seed=6)
    played.listener.machine |= {4}
    change = Control(machine=(PlayerPart(part=4, program=33),))
    played.play([*steady(0, 4 * BAR), (Tick(2 * BAR), change)], until=5 * BAR)
    by_part = {part: [n.onset for n in played.listener.sounded() if n.part == part] for part in (1, 4)}
    assert max(by_part[1]) <= 2 * BAR + 480, "within a beat"
    assert min(by_part[4]) >= 2 * BAR
    with pytest.raises(BadSetting, match="one player"):
        played.session.check(Control(machine=(PlayerPart(part=0),)))
