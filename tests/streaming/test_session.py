"""One player's session: what it promises, over whole sets on a clock that the test winds."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.engine.work import Step
from model.tokens.codec import decode
from model.tokens.vocabulary import DURATION, PART, PITCH
from music.errors import BadSetting
from music.events import NoteOff, NoteOn
from music.time import Tick
from streaming.messages import Control, Mode, PlayerPart, PromptNote, Start, Transport
from streaming.relief import CHUNK
from streaming.session import Session
from streaming.settings import Settings
from tests.streaming.live_set import (
    Arrival,
    FakeEngine,
    LiveSet,
    fresh_encoding,
    human_notes,
    live_set,
    playing,
    scribe_of,
    without_last_bars,
)

MODES: tuple[Mode, ...] = ("answer", "duet", "accompany", "trade")  # those that come to rest by themselves
BAR = 1920
MS = 120 * 480 / 60_000  # ticks, at the default tempo


def key(tick: int, length: int = 100, pitch: int = 60, delay: int = 0) -> list[Arrival]:
    """A key goes down and comes up."""
    down, up = NoteOn(Tick(tick), 0, pitch, 80), NoteOff(Tick(tick + length), 0, pitch)
    return [(Tick(tick + delay), down), (Tick(tick + length + delay), up)]


def phrase(start: int = 0, notes: int = 8, spacing: int = 240) -> list[Arrival]:
    return [arrival for i in range(notes) for arrival in key(start + i * spacing, pitch=60 + i % 24)]


def settings_of(start: Start) -> Settings:
    return Settings.of(start)


def says_what_sounded(played: LiveSet, arrivals: list[Arrival], start: Start) -> None:
    settings = settings_of(start)
    truth = human_notes(arrivals, settings.longest_key, settings.chord) + played.listener.sounded()
    told = scribe_of(played.session).transcript.tokens
    assert tuple(played.engine.tokens[: len(told)]) == told, "the engine has heard all of it"
    assert without_last_bars(told) == without_last_bars(fresh_encoding(settings.header, truth))


# ---- laws of any set -----------------------------------------------------------------------------------


@given(st.sampled_from(MODES), playing(), st.integers(0, 9), st.integers(0, 12))
def test_when_all_is_over_the_transcript_is_a_fresh_encoding_of_what_sounded(
    mode: Mode, arrivals: list[Arrival], seed: int, cost: int
) -> None:
    start = Start(mode=mode)
    played = live_set(start, seed=seed, ticks_per_token=cost)
    played.play(arrivals, until=60_000)
    assert played.session.next_wake(played.now) is None
    says_what_sounded(played, arrivals, start)


@given(st.sampled_from(MODES), playing(part=1), st.integers(0, 9))
def test_the_machine_may_have_parts_below_and_above_the_humans(mode: Mode, arrivals: list[Arrival], seed: int) -> None:
    start = Start(mode=mode, human=(PlayerPart(part=1),), machine=(PlayerPart(part=0), PlayerPart(part=7)))
    played = live_set(start, seed=seed)
    played.play(arrivals, until=60_000)
    says_what_sounded(played, arrivals, start)


@given(st.sampled_from(MODES), playing(), st.sampled_from(["3/4", "5/8", "9/4"]), st.sampled_from([20, 93.7, 400]))
def test_the_laws_hold_in_any_meter_and_tempo(mode: Mode, arrivals: list[Arrival], meter: str, bpm: float) -> None:
    start = Start(mode=mode, meter=meter, bpm=bpm)
    played = live_set(start)
    played.play(arrivals, until=120_000)
    says_what_sounded(played, arrivals, start)


@given(st.sampled_from(MODES), playing(), st.integers(0, 9), st.integers(0, 100))
def test_every_note_that_was_added_is_committed_or_cancelled_in_the_end(
    mode: Mode, arrivals: list[Arrival], seed: int, cost: int
) -> None:
    played = live_set(Start(mode=mode), seed=seed, ticks_per_token=cost)
    played.play(arrivals, until=60_000)
    listener = played.listener
    assert listener.committed | listener.cancelled == listener.told.keys()
    assert not listener.committed & listener.cancelled


@given(playing(), st.lists(st.tuples(st.integers(0, 9000), st.sampled_from(["stop", *MODES])), max_size=4))
def test_stops_and_changes_of_mode_leave_the_transcript_true(
    arrivals: list[Arrival], changes: list[tuple[int, str]]
) -> None:
    start = Start(mode="duet")
    for tick, what in changes:
        event = Transport(action="stop", tick=tick) if what == "stop" else Control(mode=what)  # type: ignore[arg-type]
        arrivals.append((Tick(tick), event))
    played = live_set(start)
    played.play(arrivals, until=60_000)
    says_what_sounded(played, arrivals, start)


@given(playing(notes=30, longest_rest=4000), st.integers(256, 500), st.sampled_from(MODES))
def test_a_full_context_is_begun_anew_and_the_music_goes_on(arrivals: list[Arrival], capacity: int, mode: Mode) -> None:
    start = Start(mode=mode, lookahead_beats=16)
    played = live_set(start, capacity=capacity)
    again = phrase(60_000)
    played.play(arrivals + again, until=100_000)
    assert played.longest_transcript <= capacity - 64 + 8
    assert any(note.tick > 60_000 for note in played.listener.told.values())


@given(st.lists(st.tuples(st.integers(0, 2**40 - 1), st.booleans(), st.integers(0, 127)), max_size=20))
def test_events_from_far_away_break_nothing(events: list[tuple[int, bool, int]]) -> None:
    played = live_set(Start(mode="duet"), capacity=256)
    arrivals: list[Arrival] = [
        (Tick(5_000_000 + 100 * i), NoteOn(Tick(tick), 0, pitch, 64) if is_down else NoteOff(Tick(tick), 0, pitch))
        for i, (tick, is_down, pitch) in enumerate(events)
    ]
    played.play(arrivals, until=5_040_000)
    assert played.longest_transcript <= 256


# ---- before anything -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_before_the_first_human_note_only_the_header_is_read(mode: Mode) -> None:
    start = Start(mode=mode)
    played = live_set(start)
    played.play([], until=20_000)
    assert played.engine.tokens == settings_of(start).header.tokens()
    assert played.engine.draws == 0
    assert played.session.next_wake(played.now) is None


def test_a_part_has_one_player() -> None:
    with pytest.raises(BadSetting, match="one player"):
        Session(Start(human=(PlayerPart(part=1),), machine=(PlayerPart(part=1),)), capacity=1024)


def test_a_context_too_small_for_music_is_refused() -> None:
    with pytest.raises(BadSetting, match="256 tokens, got 100"):
        Session(Start(), capacity=100)


def test_notes_of_parts_that_no_human_plays_are_ignored() -> None:
    played = live_set(Start(mode="duet"))
    played.play([(Tick(0), NoteOn(Tick(0), 5, 60, 80)), (Tick(0), NoteOn(Tick(0), 1, 60, 80))], until=5000)
    assert played.listener.told == {}


# ---- answer --------------------------------------------------------------------------------------------


@given(st.integers(0, 50), st.integers(50, 2000), st.integers(0, 6))
def test_an_answer_begins_soon_after_the_silence(seed: int, silence_ms: int, cost: int) -> None:
    played = live_set(Start(silence_ms=silence_ms), seed=seed, ticks_per_token=cost)
    last_up = 100
    played.play(key(0, last_up), until=12_000)
    first = min(note.tick for note in played.listener.told.values())
    due = last_up + silence_ms * MS
    engine_time = 15 * cost
    assert due < first <= due + 250 * MS + engine_time


def test_the_machine_is_silent_while_the_human_plays_and_the_cache_is_warm() -> None:
    played = live_set(Start())
    played.play([*phrase(notes=6), *key(1440, 2000)], until=3000)
    assert played.engine.draws == 0
    assert sum(token in DURATION for token in played.engine.tokens) == 6, "finished notes are written, the held one not"


def test_nothing_is_written_past_a_key_that_is_still_down() -> None:
    played = live_set(Start())
    played.play([*key(0, 3000, pitch=40), *phrase(240, notes=4)], until=2500)
    assert sum(token in DURATION for token in played.engine.tokens) == 0
    played.play([], until=2600)
    played.session.receive(NoteOff(Tick(2600), 0, 40), Tick(2600))
    played.play([], until=2601)
    assert sum(token in DURATION for token in played.engine.tokens) == 5


@pytest.mark.parametrize(("notes", "bars"), [(1, 1), (8, 1), (9, 2), (40, 4)])
def test_an_answer_is_as_long_as_its_phrase_in_whole_bars_within_the_limit(notes: int, bars: int) -> None:
    ends = []
    for seed in range(10):
        played = live_set(Start(answer_bars=4), seed=seed)
        played.play(phrase(notes=notes), until=40_000)
        due = (notes - 1) * 240 + 100 + 350 * MS
        ends.append(max(note.end for note in played.listener.sounded()) - due)
    assert bars * BAR - BAR / 2 < max(ends) <= bars * BAR + 40


def test_a_phrase_is_answered_once() -> None:
    played = live_set(Start())
    played.play(phrase(), until=100_000)
    assert max(note.end for note in played.listener.sounded()) < 3 * BAR
    assert played.session.next_wake(played.now) is None


def test_a_human_note_ends_the_answer_and_asks_for_another() -> None:
    start = Start()
    played = live_set(start, seed=3)
    arrivals = [*phrase(notes=30), *key(8300)]
    played.play(arrivals, until=8300)
    assert played.session.sounding(Tick(8300)) or played.listener.told
    before = set(played.listener.told)
    played.play([*key(8300)], until=8301)
    open_notes = before - played.listener.committed - played.listener.cancelled
    assert open_notes == set(), "what was not promised is taken back at once"
    late_promises = [played.listener.told[id].tick for id in played.listener.committed]
    assert max(late_promises) <= 8300 + 240
    played.play([], until=20_000)
    assert any(note.tick > 8400 + 350 * MS for note in played.listener.told.values())


@pytest.mark.parametrize("seed", range(8))
def test_an_answer_that_follows_promised_notes_begins_right_after_them(seed: int) -> None:
    played = live_set(Start(commit_beats=1.5, silence_ms=50, answer_bars=1), seed=seed)
    played.play([*key(0), *key(900, 20)], until=1900)
    told, heard_at = played.listener.told, played.listener.heard_at
    due = 920 + 48
    promised = [told[id].tick for id in played.listener.committed if heard_at[id] < due]
    answer = [note.tick for id, note in told.items() if heard_at[id] >= due]
    assert min(answer) <= max(due + 250 * MS, max(promised) + 10)


# ---- duet ----------------------------------------------------------------------------------------------


def test_a_human_note_takes_back_the_plan_from_there_on_but_nothing_that_was_promised() -> None:
    played = live_set(Start(mode="duet", lookahead_beats=16), seed=1)
    played.play(key(0), until=1000)
    listener = played.listener
    promised, open_notes = set(listener.committed), listener.told.keys() - listener.committed
    assert open_notes
    played.session.receive(NoteOn(Tick(1000), 0, 64, 90), Tick(1000), seq=17)
    assert played.session.urgent
    plan = played.session.take_plan(Tick(1000))
    assert plan is not None
    assert set(plan.cancel) == open_notes
    assert not set(plan.cancel) & promised
    assert plan.answers_seq == 17


def test_a_note_that_takes_something_back_is_reviewed_by_that_and_once() -> None:
    played = live_set(Start(mode="duet", lookahead_beats=16), seed=1)
    played.play(key(0), until=1000)
    played.session.receive(NoteOn(Tick(1000), 0, 64, 90), Tick(1000), seq=17)
    plan = played.session.take_plan(Tick(1000))
    assert plan is not None
    assert plan.cancel
    assert plan.reviewed_seq == 17
    played.play(key(1040)[1:], until=4000)
    assert all(plan.reviewed_seq is None for plan in played.listener.plans)


def test_a_note_that_changes_nothing_is_reviewed_when_what_is_promised_next_is_decided() -> None:
    """The network leaves every moment to the humans: a rest that was meant is a review, and is told."""
    played = live_set(Start(mode="duet"), expects_human=1.0)
    played.play(key(0), until=4 * BAR)  # by then the machine owes no first note any more
    asked = played.engine.draws
    played.listener.plans.clear()
    played.session.receive(NoteOn(Tick(4 * BAR), 0, 64, 90), Tick(4 * BAR), seq=3)
    assert played.session.take_plan(played.now) is None, "nothing was planned, and nothing is decided yet"
    played.play([], until=4 * BAR + 1)
    reviews = [plan for plan in played.listener.plans if plan.reviewed_seq == 3]
    assert len(reviews) == 1
    assert played.engine.draws > asked


def test_the_length_of_a_held_key_is_guessed_and_never_less_than_it_already_is() -> None:
    session = Session(Start(mode="duet"), capacity=1024)
    session.receive(NoteOn(Tick(0), 0, 60, 80), Tick(240))
    step = session.poll(Tick(240))
    assert step is not None
    assert step.draw is not None
    assert step.draw.allowed == ((DURATION[23], DURATION.stop),), "24 steps have passed"


def test_a_wrong_guess_is_corrected_when_there_is_nothing_else_to_do() -> None:
    played = live_set(Start(mode="duet"))
    played.play(key(0, 55, pitch=60)[:1], until=50)
    guess = next(token for token in played.engine.tokens if token in DURATION)
    assert guess != DURATION[5]
    played.play(key(0, 55, pitch=60)[1:], until=60)
    corrected = next(token for token in played.engine.tokens if token in DURATION)
    assert corrected in (DURATION[4], DURATION[5])


def test_a_human_note_waits_for_no_correction() -> None:
    session = Session(Start(mode="duet"), capacity=1024)
    engine = FakeEngine()

    def step(now: int) -> Step | None:
        asked = session.poll(Tick(now))
        if asked is not None:
            session.accept(engine.run(asked), Tick(now))
        return asked

    session.receive(NoteOn(Tick(0), 0, 60, 80), Tick(0))
    while step(0) is not None:
        pass
    session.receive(NoteOff(Tick(55), 0, 60), Tick(55))
    written = list(engine.tokens)
    session.receive(NoteOn(Tick(60), 0, 62, 80), Tick(60))
    asked = step(60)
    assert asked is not None
    assert asked.keep >= written.index(next(token for token in written if token in DURATION))


def test_when_nobody_waits_a_step_is_short() -> None:
    prompt = tuple(PromptNote(tick=240 * i, part=0, pitch=60, velocity=80, duration=200) for i in range(60))
    session = Session(Start(mode="duet", prompt=prompt), capacity=1024)
    engine = FakeEngine()
    steps = 0
    while (asked := session.poll(Tick(0))) is not None:
        assert len(asked.append) <= CHUNK
        session.accept(engine.run(asked), Tick(0))
        steps += 1
    assert steps > 20


def test_a_duet_rests_after_eight_bars_without_a_human_note_and_wakes_with_the_next() -> None:
    played = live_set(Start(mode="duet"))
    played.play(key(100), until=40_000)
    sounded = played.listener.sounded()
    assert 7 * BAR < max(note.onset for note in sounded) < 100 + 8 * BAR
    assert max(note.end for note in sounded) <= 100 + 8 * BAR
    told = len(played.listener.told)
    played.play(key(40_000), until=50_000)
    assert len(played.listener.told) > told


def test_the_plan_reaches_as_far_as_was_asked_where_the_humans_are_quiet() -> None:
    played = live_set(Start(mode="duet", lookahead_beats=8))
    played.play(key(0), until=2)
    assert max(note.tick for note in played.listener.told.values()) < BAR  # they may play on
    assert played.session.next_wake(played.now) is not None
    played.play((), until=8 * 480)
    assert max(note.tick for note in played.listener.told.values()) + BAR >= 2 * 8 * 480


def test_an_engine_too_slow_for_the_usual_lead_still_plays_and_counts_what_came_late() -> None:
    played = live_set(Start(mode="duet", lookahead_beats=1), ticks_per_token=40)
    played.play(phrase(notes=4, spacing=900), until=10_000)
    assert played.session.late > 0
    assert len(played.listener.sounded()) > 3


# ---- controls, stop, lost keys -------------------------------------------------------------------------


def test_a_note_whose_moment_has_passed_when_it_is_drawn_is_never_sent() -> None:
    session, engine = Session(Start(mode="duet"), capacity=1024), FakeEngine()
    session.receive(NoteOn(Tick(0), 0, 60, 80), Tick(0))
    durations = 0
    while durations < 2:  # the human's, which is guessed, then the machine's
        step = session.poll(Tick(10))
        assert step is not None
        assert step.draw is not None
        drawn = engine.run(step)
        durations += drawn[-1] in DURATION
        session.accept(drawn, Tick(10 if durations < 2 else 10_000))
    assert session.late == 1
    assert session.take_plan(Tick(10_000)) is None
    assert session.urgent, "the human still waits for a first note"


@given(st.sampled_from(MODES), playing(), st.lists(st.tuples(st.integers(0, 6000), st.integers(1, 3000)), max_size=5))
def test_after_a_stall_what_could_not_be_promised_was_never_told(
    mode: Mode, arrivals: list[Arrival], stalls: list[tuple[int, int]]
) -> None:
    played = live_set(Start(mode=mode))
    waiting = sorted(arrivals, key=lambda arrival: arrival[0])
    for at, length in sorted(stalls):
        played.play([arrival for arrival in waiting if arrival[0] < at], until=at)
        waiting = [arrival for arrival in waiting if arrival[0] >= at]
        played.now = Tick(played.now + length)
    played.play(waiting, until=80_000)
    assert played.listener.committed | played.listener.cancelled == played.listener.told.keys()
    transcript = scribe_of(played.session).transcript
    machine = [note for note in decode(transcript.tokens).notes if transcript.header.part_of(note.part) == 1]
    assert len(machine) == len(played.listener.sounded())


def test_a_control_changes_the_very_next_draw() -> None:
    session = Session(Start(mode="duet", temperature=1.0), capacity=1024)
    session.receive(NoteOn(Tick(0), 0, 60, 80), Tick(0))
    session.receive(Control(temperature=0.5, min_p=0.1), Tick(0))
    step = session.poll(Tick(0))
    assert step is not None
    assert step.draw is not None
    assert (step.draw.sampling.temperature, step.draw.sampling.min_p, step.draw.sampling.top_p) == (0.5, 0.1, 0.97)


def test_a_stop_silences_everything_even_what_was_promised_until_the_next_human_note() -> None:
    played = live_set(Start(mode="duet", commit_beats=2), seed=2)
    played.play([*key(0), (Tick(900), Transport(action="stop", tick=900))], until=30_000)
    listener = played.listener
    assert [plan.silence for plan in listener.plans].count(True) == 1
    assert all(note.tick < 900 for id, note in listener.told.items() if id not in listener.cancelled)
    assert played.session.sounding(Tick(901)) == ()
    played.play(key(30_000), until=33_000)
    assert any(note.tick > 30_000 for note in listener.told.values())


@pytest.mark.parametrize("mode", ["continue", "trade"])
@pytest.mark.parametrize("action", ["stop", "end"])
def test_a_turn_that_was_about_to_come_does_not_come_after_a_stop(mode: Mode, action: Literal["stop", "end"]) -> None:
    """The prompt's continuation before its first step; the machine's bars while the human still plays theirs."""
    played = live_set(Start(mode=mode, trade_bars=4))
    arrivals = [] if mode == "continue" else phrase(notes=4)
    stop = Tick(960 * bool(arrivals))
    played.play([*arrivals, (stop, Transport(action=action, tick=stop))], until=8 * BAR)
    music = [note for note in played.listener.sounded() if note.onset > 2 * BAR]
    assert music == []
    played.play(phrase(8 * BAR), until=24 * BAR)
    assert any(note.onset > 8 * BAR for note in played.listener.sounded()), "the human's next note starts it again"


def test_a_stop_with_keys_down_is_not_followed_by_an_answer() -> None:
    played = live_set(Start())
    played.play([*key(0, 1000), (Tick(500), Transport(action="stop", tick=500))], until=10_000)
    assert played.listener.told == {}


def test_a_key_that_never_comes_up_counts_as_up_after_ten_seconds() -> None:
    played = live_set(Start())
    played.play([(Tick(0), NoteOn(Tick(0), 0, 60, 80))], until=9600)
    assert played.listener.told == {}
    played.play([], until=12_000)
    first = min(note.tick for note in played.listener.told.values())
    assert first >= (10_000 + 350) * MS


def test_a_key_up_that_was_never_down_is_ignored() -> None:
    played = live_set(Start(mode="duet"))
    played.play([(Tick(10), NoteOff(Tick(10), 0, 60))], until=5000)
    assert played.listener.told == {}


def test_only_the_network_is_asked_where_there_is_a_choice() -> None:
    session = Session(Start(mode="answer"), capacity=1024)
    for event in (NoteOn(Tick(0), 0, 60, 80), NoteOff(Tick(100), 0, 60)):
        session.receive(event, Tick(event.tick))
    now = Tick(2000)
    while (step := session.poll(now)) and step.draw is None:
        session.accept((), now)
    assert step is not None
    assert step.draw is not None
    session.accept((step.draw.allowed[-1][0],), now)
    step = session.poll(now)
    assert step is not None
    assert step.append[-1] == PART[0], "one machine part: the network need not say which"


def test_a_step_that_was_polled_but_overtaken_by_a_note_is_forgotten() -> None:
    session = Session(Start(mode="duet"), capacity=1024)
    session.receive(NoteOn(Tick(0), 0, 60, 80), Tick(0))
    engine = FakeEngine()
    for note in ((40, 50), (80, 40)):
        step = session.poll(Tick(note[0]))
        assert step is not None
        drawn = engine.run(step)
        session.receive(NoteOn(Tick(note[0]), 0, note[1], 80), Tick(note[0]))
        session.accept(drawn, Tick(note[0]))
    for _ in range(3):
        step = session.poll(Tick(80))
        assert step is not None
        session.accept(engine.run(step), Tick(80))
    pitches = [token - PITCH.start for token in engine.tokens if token in PITCH]
    assert pitches == [60, 50, 40]


# ---- a long set ----------------------------------------------------------------------------------------


def long_set(mode: Mode, minutes: int) -> LiveSet:
    """Six notes a second, in phrases of fifteen seconds with three of rest."""
    played = live_set(Start(mode=mode, lookahead_beats=1), capacity=1024)
    for start in range(0, minutes * 57_600, 18 * 960):
        played.play(phrase(start, notes=90, spacing=160), until=start + 18 * 960)
    return played


@pytest.mark.parametrize("mode", ["answer", "duet"])
def test_a_long_set_stays_small(mode: Mode) -> None:
    minutes = 2  # four contexts; how much memory more of them need is seen in `test_relief.py`
    played = long_set(mode, minutes)
    assert played.longest_transcript <= 1024 - 64 + 8
    assert len(played.listener.sounded()) > 5 * minutes
    assert len(scribe_of(played.session)._lines) < 300
    assert len(played.session._machine.plan._notes) < 100
