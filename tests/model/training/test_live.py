"""What live play does to parts: each condition shows, and harms nothing else."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.training.live import LONGEST_JITTER_MS, PHRASE_GAP, Scene, drop_parts, jitter, rest, trade
from music.score import DRUMS

BAR = 1920
SEEDS = st.integers(0, 10_000)


def scene(programs: Sequence[int] = (0, 33, DRUMS), *, bars: int = 16, every: int = 240) -> Scene:
    """Every part plays eighths; the first, phrases of three bars with a bar's rest."""
    rows = [
        (onset, part, 60 + 12 * part, 80, every)
        for onset in range(0, bars * BAR, every)
        for part in range(len(programs))
        if part or onset // BAR % 4 != 3
    ]
    return Scene(np.array(rows, np.int64), dict(enumerate(programs)))


def of(scene: Scene, part: int) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = scene.notes[scene.notes[:, 1] == part]
    return rows


@given(SEEDS)
def test_players_who_trade_never_play_at_once_and_lose_no_note(seed: int) -> None:
    traded = scene((0, DRUMS))
    before = of(traded, 0)[:, 0].tolist()
    trade(traded, BAR, np.random.default_rng(seed))
    partner = 2 if DRUMS in traded.programs.values() else 1
    assert traded.programs[partner] == 0
    assert sorted([*of(traded, 0)[:, 0].tolist(), *of(traded, partner)[:, 0].tolist()]) == before


def test_turns_change_at_bar_lines_or_after_a_rest() -> None:
    for seed in range(60):
        traded = scene((0,))
        trade(traded, BAR, np.random.default_rng(seed))
        notes = traded.notes
        handed = np.flatnonzero(np.diff(notes[:, 1])) + 1
        gaps = notes[handed, 0] - notes[handed - 1, 0] - notes[handed - 1, 4]
        assert np.all((notes[handed, 0] % BAR == 0) | (gaps >= PHRASE_GAP))


def test_some_answers_come_after_a_phrase_and_some_players_are_alone() -> None:
    headers = set()
    for seed in range(40):
        traded = scene()
        trade(traded, BAR, np.random.default_rng(seed))
        headers.add(len(traded.programs))
    assert headers == {2, 4}


def test_the_last_part_of_sixteen_finds_a_partner() -> None:
    for seed in range(80):
        full = scene(tuple(range(16)), bars=2)
        del full.programs[3]
        full.keep(full.notes[:, 1] != 3)
        trade(full, BAR, np.random.default_rng(seed))
        assert max(full.programs) < 16


@given(SEEDS)
def test_one_part_rests_for_one_stretch_and_the_others_play_on(seed: int) -> None:
    before, rested = scene(), scene()
    rest(rested, BAR, np.random.default_rng(seed))
    fewer = [part for part in range(3) if len(of(rested, part)) < len(of(before, part))]
    assert len(fewer) <= 1
    assert rested.programs == before.programs, "the header names who is still silent"
    for part in fewer:
        kept = np.isin(of(before, part)[:, 0], of(rested, part)[:, 0])
        assert np.count_nonzero(np.diff(kept.astype(int))) <= 2


def test_a_part_may_come_in_late() -> None:
    late = 0
    for seed in range(40):
        rested = scene()
        rest(rested, BAR, np.random.default_rng(seed))
        late += any(len(own) and own[0, 0] > 0 for own in (of(rested, part) for part in range(3)))
    assert late > 5


@given(SEEDS, st.floats(40, 240))
def test_jitter_moves_the_notes_of_one_part_by_a_few_milliseconds(seed: int, bpm: float) -> None:
    before, moved = scene(), scene()
    jitter(moved, bpm, np.random.default_rng(seed))
    off = moved.notes[:, 0] - before.notes[:, 0]
    assert len(np.unique(moved.notes[off != 0, 1])) <= 1
    assert np.abs(off).max() <= LONGEST_JITTER_MS * bpm * 480 / 60_000 + 1
    assert moved.notes[:, 0].min() >= 0
    assert (moved.notes[:, 1:] == before.notes[:, 1:]).all()


@given(SEEDS)
def test_parts_that_are_left_out_leave_the_header_too(seed: int) -> None:
    fewer = scene()
    drop_parts(fewer, np.random.default_rng(seed))
    assert len(fewer.notes)
    assert set(np.unique(fewer.notes[:, 1])) == fewer.programs.keys()


def test_notes_that_fall_together_are_one_and_the_rest_is_in_order() -> None:
    rows = [(960, 1, 60, 80, 10), (4, 0, 64, 50, 10), (0, 0, 64, 90, 10), (2, 0, 60, 50, 10)]
    untidy = Scene(np.array(rows, np.int64), {0: 0, 1: 0})
    untidy.sort()
    assert untidy.notes[:, 1:4].tolist() == [[0, 60, 50], [0, 64, 90], [1, 60, 80]]
