"""What an engine plays stands in the place of the truth."""

import pytest

from model.engine.torch_engine import TorchEngine
from model.evaluation.accompaniment import melody_last
from model.evaluation.answers import phrases
from model.evaluation.passage import Passage
from model.evaluation.play import play_accompaniments, play_answers, play_continuations, prompt_tokens
from model.evaluation.trials import Trial, choose_trials
from model.networks.config import Sharing
from model.tokens.codec import decode
from model.tokens.vocabulary import BAR
from tests.model.random_networks import random_network
from tests.model.training.made_corpus import made_corpus

TRIALS = choose_trials(made_corpus().pieces)[:3]
LED = [trial for trial in map(melody_last, TRIALS) if trial is not None]


@pytest.fixture
def engine() -> TorchEngine:
    return TorchEngine(random_network(Sharing.ROUTED, context=512), threads=1, max_sequences=16)


def in_place(passage: Passage, trial: Trial) -> bool:
    inside = all(0 <= note.onset < note.end <= passage.ticks for note in passage.notes)
    return inside and (passage.bars, passage.meter) == (trial.truth.bars, trial.truth.meter)


def test_there_are_trials_of_each_kind() -> None:
    assert len(TRIALS) == len(LED) == len(phrases(TRIALS)) == 3


def test_continuations_are_as_long_as_the_truth_and_the_same_for_a_seed(engine: TorchEngine) -> None:
    ends: list[None] = []
    played = play_continuations(engine, TRIALS, 5, lambda: ends.append(None))
    assert all(map(in_place, played, TRIALS))
    assert any(passage.notes for passage in played)
    assert len(ends) == 3
    assert play_continuations(engine, TRIALS, 5, lambda: None) == played


def test_only_the_second_player_answers(engine: TorchEngine) -> None:
    asked = phrases(TRIALS)
    played = play_answers(engine, asked, 0, lambda: None)
    assert all(map(in_place, played, asked))
    assert {note.part for passage in played for note in passage.notes} == {1}
    assert played[0].programs == asked[0].truth.programs * 2


def test_an_accompaniment_has_no_note_of_the_melody_s_player(engine: TorchEngine) -> None:
    played = play_accompaniments(engine, LED, 0, lambda: None)
    assert all(map(in_place, played, LED))
    melodies = {len(trial.truth.programs) - 1 for trial in LED}
    assert not {note.part for passage in played for note in passage.notes} & melodies


def test_the_opening_is_the_prompt_and_one_bar_begun() -> None:
    prompt = LED[0].prompt
    tokens = prompt_tokens(prompt)
    assert tokens[-1] == BAR[0]
    assert tokens.count(BAR[0]) == prompt.bars + 1
    assert decode(tokens).notes == prompt.notes
