"""Accompanying: the melody stands as given, what the network imagines of it is not kept, the rest is its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.accompany import accompaniment
from model.engine.together import run_together
from model.engine.torch_engine import TorchEngine, TorchSequence
from model.engine.work import Drawn, Sampling, Step
from model.generate import plain
from model.networks.config import Sharing
from model.tokens.codec import Header, decode
from model.tokens.vocabulary import BAR, DURATION, PART, PITCH, POSITION, VELOCITY
from music.score import DRUMS, Note
from music.time import Meter, Tick
from tests.model.random_networks import random_network

HUMAN = 2
OPENING = (*Header(programs={0: 33, 1: DRUMS, HUMAN: 0}).tokens(), BAR[0])
MELODY = [Note(Tick(t), HUMAN, 60 + i, 66, 240) for i, t in enumerate((0, 480, 480, 960, 5000))]


class Overheard(TorchEngine):
    """Remembers what its newest sequence holds."""

    def __init__(self, context: int = 512) -> None:
        super().__init__(random_network(Sharing.ROUTED, context=context), threads=1, max_sequences=2)
        self.held: list[int] = []

    def run(self, work: Sequence[tuple[TorchSequence, Step]]) -> list[Drawn]:
        for _, step in work:
            self.held[step.keep :] = step.append
        return super().run(work)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_network_sees_the_melody_as_played_and_no_other_note_of_that_player(seed: int) -> None:
    engine = Overheard()
    writer = accompaniment(engine, OPENING, MELODY, bars=3, meter=Meter(), shape=plain(Sampling()), seed=seed)
    (notes,) = run_together(engine, [writer], at_once=1)
    heard = decode(engine.held).notes
    ended = engine.held.count(BAR[0]) == 3  # else the engine was full before
    human = [note for note in heard if note.part == HUMAN]
    assert human == MELODY if ended else human == MELODY[: len(human)]
    assert [note for note in heard if note.part != HUMAN] == sorted(notes)
    assert all(note.onset < 3 * 1920 for note in notes)
    assert engine.kv_bytes == 0


def test_a_full_engine_ends_the_music_early_and_not_badly() -> None:
    engine = Overheard(context=64)
    writer = accompaniment(engine, OPENING, [], bars=99, meter=Meter(), shape=plain(Sampling()), seed=1)
    (notes,) = run_together(engine, [writer], at_once=1)
    assert notes
    assert len(engine.held) <= 64


@dataclass(eq=False)
class Told:
    """A sequence of the engine below."""

    length: int = 0

    def close(self) -> None: ...


@dataclass
class Scripted:
    """An engine that draws what it is told to, and notes what it is asked for."""

    script: list[int]
    held: list[int] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    capacity: int = 512

    def open(self, seed: int) -> Told:
        self.seeds.append(seed)
        return Told()

    def fork(self, sequence: Told, seed: int) -> Told:
        self.seeds.append(seed)
        return Told(sequence.length)

    def run(self, work: Sequence[tuple[Told, Step]]) -> list[Drawn]:
        ((_, step),) = work
        self.held[step.keep :] = step.append
        token = self.script.pop(0)
        assert step.draw is not None
        assert any(start <= token < stop for start, stop in step.draw.allowed), f"{token} of {step.draw.allowed}"
        return [(token,)]


def write(script: list[int], melody: Sequence[Note], *, bars: int = 1) -> tuple[Scripted, list[Note]]:
    engine = Scripted(script)
    writer = accompaniment(engine, OPENING, melody, bars=bars, meter=Meter(), shape=plain(Sampling()), seed=7)
    (notes,) = run_together(engine, [writer], at_once=1)
    assert not engine.script
    return engine, notes


def test_an_imagined_note_of_the_human_is_forgotten_and_other_dice_fall() -> None:
    bass = [PART[0], PITCH[36], VELOCITY[16], DURATION[11]]
    # It imagines the human at step 5, then plays the bass at 12, imagines the human there, and ends.
    engine, notes = write([POSITION[5], PART[HUMAN], POSITION[12], *bass, PART[HUMAN], BAR[0]], [])
    assert notes == [Note(Tick(120), 0, 36, 66, 120)]
    assert engine.held == [*OPENING, POSITION[12], *bass]
    assert len(set(engine.seeds)) == 3


def test_the_machine_speaks_first_at_the_moment_of_a_melody_note() -> None:
    drum = [PART[1], PITCH[36], VELOCITY[16], DURATION[5]]
    engine, notes = write([POSITION[0], *drum, PART[HUMAN], BAR[0]], MELODY[:1])
    assert [note.part for note in notes] == [1]
    written = [POSITION[0], *drum, PART[HUMAN], PITCH[60], VELOCITY[16], DURATION[23]]
    assert engine.held == [*OPENING, *written]


@pytest.mark.parametrize("beyond", [POSITION[60], BAR[0]])
def test_a_melody_note_comes_before_whatever_the_machine_wants_later(beyond: int) -> None:
    engine, notes = write([beyond, BAR[0]], MELODY[1:2])
    assert notes == []
    assert engine.held == [*OPENING, POSITION[48], PART[HUMAN], PITCH[61], VELOCITY[16], DURATION[23]]


def test_bars_pass_until_the_melody_comes() -> None:
    late = Note(Tick(1920), HUMAN, 60, 66, 240)
    engine, _ = write([BAR[0], POSITION[3], BAR[0]], [late], bars=2)
    assert engine.held == [*OPENING, BAR[0], POSITION[0], PART[HUMAN], PITCH[60], VELOCITY[16], DURATION[23]]
