"""A set without an end: one context takes over from another, and nobody hears it."""

import gc
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.engine.work import Step
from model.tokens.codec import Header
from music.time import Tick
from streaming.messages import Mode, Start
from streaming.relief import CHUNK, Relief
from streaming.scribe import Line
from tests.streaming.live_set import Arrival, LiveSet, fresh_encoding, live_set, playing, scribe_of, without_last_bars
from tests.streaming.test_modes import steady

HEADER = Header(programs={0: 0, 1: 32})
MEASURE = 1920


def line(onset: int, pitch: int = 60, duration: int = 100) -> Line:
    return Line(Tick(onset), 0, pitch, 80, duration)


def caught_up(relief: Relief, lines: list[Line], until: int = 0) -> list[Step]:
    steps = []
    while step := relief.step(lines, until):
        steps.append(step)
        relief.transcript.confirm()
    assert relief.has_caught_up(lines)
    return steps


lines_of = st.lists(
    st.builds(line, st.integers(0, 30_000), st.integers(50, 53), st.integers(1, 900)),
    min_size=1,
    max_size=60,
    unique_by=lambda each: each.key,
).map(lambda lines: sorted(lines, key=lambda each: each.key))


@given(lines_of, lines_of, st.integers(0, 3000))
def test_however_the_truth_changes_meanwhile_the_new_context_tells_its_last_bars(
    before: list[Line], after: list[Line], until: int
) -> None:
    relief = Relief(HEADER, before, 400)
    steps = caught_up(relief, before, until)
    assert all(len(step.append) <= CHUNK + 40 for step in steps)
    caught_up(relief, after, until)
    told = [each for each in after if each.step >= relief.first_step]
    if told and told[0].step // 192 == relief.first_step // 192:
        fresh = fresh_encoding(HEADER, [each.note for each in told])
        assert without_last_bars(relief.transcript.tokens) == without_last_bars(fresh)


def test_the_new_context_begins_on_a_bar_line_and_leaves_room() -> None:
    lines = [line(240 * i) for i in range(200)]
    relief = Relief(HEADER, lines, 500)
    caught_up(relief, lines)
    assert relief.first_step % 192 == 0
    assert 100 < len(relief.transcript) <= 0.4 * 500 + 10


def test_it_is_written_in_small_steps() -> None:
    lines = [line(240 * i) for i in range(200)]
    steps = caught_up(Relief(HEADER, lines, 4000), lines)
    assert len(steps) > 10
    assert max(len(step.append) for step in steps) <= CHUNK + 10


@pytest.mark.parametrize("mode", ["duet", "accompany", "trade", "continue"])
def test_contexts_take_over_from_one_another_while_the_music_goes_on(mode: Mode) -> None:
    played = live_set(Start(mode=mode, trade_bars=1), capacity=512, ticks_per_token=1)
    played.play(steady(0, 60 * MEASURE, spacing=240), until=62 * MEASURE)
    assert played.reliefs >= 3
    assert played.longest_transcript <= 512 - 64 + 8
    told = scribe_of(played.session).transcript
    assert tuple(played.engine.tokens[: len(told)]) == told.tokens


@given(playing(notes=30, longest_rest=600), st.integers(256, 600), st.integers(0, 12))
def test_after_any_number_of_contexts_the_transcript_is_a_fresh_encoding_of_the_last_bars(
    arrivals: list[Arrival], capacity: int, cost: int
) -> None:
    played = live_set(Start(mode="duet"), capacity=capacity, ticks_per_token=cost)
    played.play(arrivals, until=60_000)
    scribe = scribe_of(played.session)
    heard = [each.note for each in scribe.written]
    tokens = scribe.transcript.tokens
    assert tuple(played.engine.tokens[: len(tokens)]) == tokens
    if heard and heard[0].onset // 1920 * 192 == scribe.transcript.first_step:
        fresh = fresh_encoding(scribe.transcript.header, heard)
        assert without_last_bars(tokens) == without_last_bars(fresh)


def busy_set(minutes: int) -> tuple[LiveSet, list[int]]:
    """Eight notes a second of the human, in phrases; blocks of memory in use after each quarter of it."""
    played = live_set(Start(mode="duet", lookahead_beats=1, key="Eb"), capacity=1024)
    quarter = minutes * 57_600 // 4
    used = []
    for part in range(4):
        for start in range(part * quarter, (part + 1) * quarter, 16 * 960):
            played.play(steady(start, start + 14 * 960, spacing=120), until=start + 16 * 960)
            played.listener.forget()
        gc.collect()
        used.append(sys.getallocatedblocks())
    return played, used


@pytest.mark.parametrize("minutes", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_a_busy_set_stays_as_small_as_it_was(minutes: int) -> None:
    played, used = busy_set(minutes)
    assert played.reliefs > minutes
    assert played.longest_transcript <= 1024 - 64 + 8
    assert used[-1] - used[0] < 20_000, "about two megabytes"
    opening = played.session._settings.header.tokens()
    assert played.engine.tokens[: len(opening)] == opening, "the tempo and the players are still known"
