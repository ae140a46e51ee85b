"""What a network goes on with in words is music, and every word that is none is counted."""

from dataclasses import replace

import pytest
import torch

from benchmarks.study.merging.lesson import tagged
from benchmarks.study.merging.music import Music, only
from benchmarks.study.merging.playing import ORDER, STRUCTURE, TIMING, Player, Reading, Tally, Unreadable
from benchmarks.study.merging.words import Scope, Words, unmerged
from model.engine.together import run_together
from model.engine.torch_engine import TorchEngine
from model.evaluation.trials import choose_trials
from model.generate import Continuation
from model.networks.decoder import Decoder
from model.tokens.codec import encode_score, read_state
from model.tokens.grammar import ANYTHING
from model.tokens.vocabulary import BAR, DURATION, PART, PITCH, POSITION, VELOCITY
from music.score import Note
from tests.benchmarks.study.merging.made_music import PLAN, made_corpus, made_piece, made_words

TRIAL = choose_trials(only(Music.BAND, made_corpus()).pieces)[0]
ORDERED = Continuation.of(TRIAL.prompt.score(), bars=1, capacity=PLAN.shape.context)
NOTE = (PART[0], PITCH[60], VELOCITY[20], DURATION[23])


def play(words: Words) -> tuple[list[Note], Tally]:
    config = replace(PLAN.shape, vocabulary=len(words.tokens))
    torch.manual_seed(1)
    network = tagged(Decoder(config), words)
    engine, tally = TorchEngine(network, max_sequences=1), Tally()
    (notes,) = run_together(engine, [Player(engine, words).write(ORDERED, 5, tally)], at_once=1)
    return notes, tally


@pytest.mark.parametrize("words", [Words(unmerged(), 0), *map(made_words, Scope)], ids=["none", *Scope])
def test_an_untrained_network_plays_readable_music_after_its_prompt_and_is_told_its_errors(words: Words) -> None:
    notes, tally = play(words)
    start, end = TRIAL.prompt.ticks, TRIAL.prompt.ticks + TRIAL.prompt.meter.bar_ticks
    assert notes
    assert all(start <= note.onset < end for note in notes)
    encode_score(ORDERED.whole(notes))
    assert len(set(notes)) == len(notes)
    assert tally.words > 0
    assert tally.words >= tally.errors.total() > tally.words / 2  # chance knows no grammar


def test_the_same_seed_plays_the_same_music() -> None:
    words = made_words(Scope.EVERYTHING)
    assert play(words) == play(words)


def begun() -> Reading:
    piece = made_piece(1, (0,), "train")
    header = encode_score(Continuation.of(choose_trials([piece])[0].prompt.score(), bars=1, capacity=128).score)[:5]
    return Reading(read_state([*header, BAR[0], POSITION[24], *NOTE]), 0, 10**6, ANYTHING)


@pytest.mark.parametrize(
    ("tokens", "error"),
    [
        ((POSITION[24],), TIMING),
        ((POSITION[48], *NOTE, POSITION[0]), TIMING),
        ((PART[0], PITCH[60]), ORDER),
        ((PART[3],), ORDER),
        ((VELOCITY[3],), STRUCTURE),
        ((BAR[0], DURATION[1]), STRUCTURE),
    ],
)
def test_an_error_is_told_by_its_kind_and_nothing_of_its_word_is_read(tokens: tuple[int, ...], error: str) -> None:
    reading = begun()
    before = reading.state
    with pytest.raises(Unreadable, match=error):
        reading.read(tokens, 0)
    assert (reading.state, reading.notes) == (before, [])


def test_notes_of_the_prompt_are_read_but_not_written_again() -> None:
    reading = begun()
    word = (POSITION[48], *NOTE, POSITION[72], *NOTE)
    assert not reading.read(word, len(word) // 2)
    assert [note.onset for note in reading.notes] == [720]


def test_nothing_is_read_beyond_the_end() -> None:
    reading = begun()
    reading.end = 192
    assert reading.read((POSITION[48], *NOTE, BAR[0], POSITION[0], *NOTE), 0)
    assert [note.onset for note in reading.notes] == [480]
