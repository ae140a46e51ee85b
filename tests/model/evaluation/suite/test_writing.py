"""What an engine of ours enters is seeded, and a part of the set gets the music that it has in the whole."""

import pytest

from model.engine.torch_engine import TorchEngine
from model.evaluation.suite.writing import measure_speed, write_continuations
from model.networks.config import Sharing
from tests.model.evaluation.suite.made_set import made_prompts
from tests.model.random_networks import random_network

MULTI = [prompt for prompt in made_prompts() if prompt.place.kind == "multi"][:2]
PIANO = [prompt for prompt in made_prompts() if prompt.place.kind == "piano"][:2]


@pytest.fixture
def engine() -> TorchEngine:
    return TorchEngine(random_network(Sharing.ROUTED, context=512), threads=1, max_sequences=16)


def test_a_seed_gives_the_same_music_and_another_seed_another(engine: TorchEngine) -> None:
    first = write_continuations(engine, [*MULTI, *PIANO], 5)
    assert first == write_continuations(engine, [*MULTI, *PIANO], 5)
    assert first != write_continuations(engine, [*MULTI, *PIANO], 6)


def test_fewer_prompts_get_what_they_have_among_all(engine: TorchEngine) -> None:
    whole = write_continuations(engine, [*MULTI, *PIANO], 5)
    assert write_continuations(engine, [MULTI[0], PIANO[0]], 5) == [whole[0], whole[2]]


def test_continuations_stand_in_the_truths_place_with_the_prompts_players(engine: TorchEngine) -> None:
    for passage, prompt in zip(write_continuations(engine, MULTI, 5), MULTI, strict=True):
        assert all(0 <= note.onset < note.end <= prompt.truth.ticks for note in passage.notes)
        assert passage.programs == prompt.prompt.programs


def test_speed_is_measured_and_says_on_what(engine: TorchEngine) -> None:
    speed = measure_speed(engine, [*MULTI[:1], *PIANO[:1]], 0, "made")
    assert speed.notes_per_s > 0
    assert speed.first_note_ms > 0
    assert speed.hardware == "made"
