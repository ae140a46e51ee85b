"""Trials are whole bars of one meter, the same every time."""

from dataclasses import replace

import numpy as np

from model.evaluation.trials import ANSWER_BARS, PROMPT_BARS, choose_trials, trial_of
from model.training.corpus import Piece
from music.time import FREE, Meter, MeterChange, Tempo, Tick


def piece(bars: int, *, source: str = "made", first: int = 0, meter: Meter | None = None) -> Piece:
    """Quarters, a new pitch each, from tick `first` on."""
    rows = [(first + i * 480, 0, 40 + i % 60, 64, 480) for i in range(bars * 4)]
    changes = (MeterChange(Tick(0), meter or Meter()),)
    return Piece(source, None, "valid", (0,), (Tempo.from_bpm(100),), changes, np.array(rows, np.int32))


def test_prompt_truth_and_later_follow_one_another() -> None:
    made = piece(24)
    trial = trial_of(made)
    assert trial is not None
    assert trial.later is not None
    whole = trial.prompt.then(trial.truth).then(trial.later)
    assert [note.pitch for note in whole.notes] == made.notes[: len(whole.notes), 2].tolist()
    assert (trial.prompt.bars, trial.truth.bars) == (PROMPT_BARS, ANSWER_BARS)


def test_a_piece_that_ends_early_has_no_later_and_a_shorter_one_is_no_trial() -> None:
    trial = trial_of(piece(13))
    assert trial is not None
    assert trial.later is None
    assert trial_of(piece(8)) is None


def test_a_pickup_is_left_out() -> None:
    trial = trial_of(piece(16, first=1440))
    assert trial is not None
    assert trial.prompt.notes[0].pitch == 41


def test_unmetered_music_and_meters_that_change_are_no_trials() -> None:
    assert trial_of(piece(24, meter=FREE)) is None
    made = piece(24)
    changed = replace(made, meters=(*made.meters, MeterChange(Tick(6 * 1920), Meter(3, 4))))
    assert trial_of(changed) is None


def test_of_several_versions_of_a_piece_one_is_a_trial() -> None:
    versions = [replace(piece(16 + i), family="the same") for i in range(3)]
    assert len(choose_trials([*versions, piece(16), piece(17)])) == 3


def test_sources_take_turns_and_the_choice_is_always_the_same() -> None:
    pieces = [piece(16 + i, source="many") for i in range(9)] + [piece(16 + i, source="few") for i in range(2)]
    trials = choose_trials(pieces)
    assert [trial.source for trial in trials[:5]] == ["few", "many", "few", "many", "many"]
    assert len(trials) == 11
    assert choose_trials(pieces) == trials
