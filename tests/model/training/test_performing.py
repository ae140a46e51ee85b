"""Pianos that somebody played, and a run that learns from them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import load_any, load_network, save_network
from model.networks.perceiver import PRESETS, Perceiver
from model.tokens.performance import END, OFF, ON, decode_performance, performed
from model.training.corpus import Corpus, Piece
from model.training.performing import (
    PerformanceCrops,
    Performances,
    Performing,
    longer_than,
    performances,
    score_of,
    transposed,
)
from model.training.segments import IGNORED, Segmentation
from model.training.trainer import BEST, Trainer, TrainingPlan
from music.errors import BadCheckpoint, BadSetting
from music.score import DRUMS
from music.time import Tempo

TINY = PRESETS["perceivers-tiny"]


def piece(split: str, *, program: int = 0, loudnesses: int = 20, notes: int = 60, seed: int = 0) -> Piece:
    """Broken chords up and down, now loud, now soft."""
    pitches = np.array([48, 52, 55, 60, 64, 67, 64, 60, 55, 52])
    rows = [
        (120 * i, 0, int(pitches[(i + seed) % 10]), 20 + 4 * ((i * 7 + seed) % loudnesses), 100) for i in range(notes)
    ]
    return Piece("made", None, split, (program,), (Tempo.from_bpm(100),), (), np.array(rows, np.int32))


CORPUS = Corpus(tuple(piece(split, seed=seed) for seed in range(6) for split in ("train", "valid")))


def test_only_expressive_piano_is_a_performance() -> None:
    strings, drums, flat = piece("train", program=48), piece("train", program=DRUMS), piece("train", loudnesses=1)
    short = piece("train", notes=4)
    found = performances(Corpus((piece("train"), strings, drums, flat, short)))
    assert len(longer_than(20, found, "train")) == 1


def test_a_performance_stands_between_two_ends() -> None:
    (tokens,) = performances(Corpus((piece("train"),)))
    assert (tokens[0], tokens[-1]) == (END, END)
    assert list(decode_performance(tokens[1:].tolist()).notes) == performed(score_of(piece("train")))


def test_a_performance_begins_with_its_first_key() -> None:
    made = piece("train")
    late = replace(made, notes=made.notes + np.array([4800, 0, 0, 0, 0], np.int32))
    first, second = performances(Corpus((made, late)))
    assert np.array_equal(first, second)


def test_transposing_moves_keys_and_nothing_else() -> None:
    tokens = np.array([END, 360, ON[60], 300, OFF[60], ON[127], END])
    assert transposed(tokens, -2).tolist() == [END, 360, ON[58], 300, OFF[58], ON[125], END]
    assert transposed(tokens, 1).tolist() == tokens.tolist()  # beyond the keyboard


@pytest.mark.parametrize("how", list(Segmentation))
def test_rows_ask_for_what_follows(how: Segmentation) -> None:
    pieces = performances(CORPUS)
    rows = PerformanceCrops(pieces, TINY.latents, how, seed=3)
    batch = rows.batch(5, 4, 64)
    assert batch.shape == (4, 64 + TINY.latents + 1)
    assert np.array_equal(batch, PerformanceCrops(pieces, TINY.latents, how, seed=3).batch(5, 4, 64))
    inputs, targets = batch[:, :64], batch[:, 64:-1]
    follows = inputs[:, -TINY.latents + 1 :]
    there = targets[:, :-1] != IGNORED
    assert there.any()
    assert (targets[:, :-1][there] == follows[there]).all()


def test_a_corpus_without_piano_is_refused() -> None:
    with pytest.raises(BadSetting, match="expressive piano"):
        Performing(TINY, Performances.of(Corpus((piece("train", program=40),))), context=64)


def test_a_run_learns_and_its_weights_are_kept(tmp_path: Path) -> None:
    plan = TrainingPlan(minutes=0.06, length=64, batch=4, validate_every_minutes=0.02)
    lesson = Performing(TINY, Performances.of(CORPUS), context=64, held_out=4)
    before = lesson.nll()
    trainer = Trainer(plan, lesson, tmp_path, threads=1)
    progress = trainer.run(lambda progress, loss, rate: None)
    assert progress.best < 0.8 * before
    assert progress.tokens % TINY.latents == 0
    best = load_any(tmp_path / BEST)
    assert isinstance(best, Perceiver)
    again = Performing(TINY, Performances.of(CORPUS), context=64, held_out=4, start=best)
    assert again.nll() == pytest.approx(progress.best, abs=1e-4)


def test_weights_of_a_performer_are_no_others(tmp_path: Path) -> None:
    save_network(Perceiver(TINY), tmp_path, about={})
    with pytest.raises(BadCheckpoint, match="solo piano"):
        load_network(tmp_path)


def test_one_scale_is_kept_as_such(tmp_path: Path) -> None:
    save_network(Perceiver(replace(TINY, short=None)), tmp_path, about={})
    assert load_any(tmp_path).config == replace(TINY, short=None)
