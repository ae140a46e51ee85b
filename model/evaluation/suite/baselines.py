"""What any table needs beside its entries: a ceiling, and rivals that know no music."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from model.evaluation.passage import Passage, trimmed
from model.evaluation.references import repeated
from model.evaluation.suite.prompts import Prompt
from music.score import Note
from music.time import Tick

SEED = 4


def truth(prompts: Sequence[Prompt]) -> list[Passage]:
    """How the piece itself goes on."""
    return [prompt.truth for prompt in prompts]


def prompt_repeated(prompts: Sequence[Prompt]) -> list[Passage]:
    return [repeated(prompt.prompt, prompt.truth.bars) for prompt in prompts]


def other_piece(prompts: Sequence[Prompt]) -> list[Passage]:
    """How the next other piece of the kind goes on, in the same meter where there is one."""
    return [_in_place_of(prompt, _other(i, prompts)) for i, prompt in enumerate(prompts)]


def random_order(prompts: Sequence[Prompt]) -> list[Passage]:
    """The truth's own notes, each at the moment of another."""
    rng = np.random.default_rng(SEED)
    passages = []
    for prompt in prompts:
        notes = prompt.truth.notes
        onsets = rng.permutation([note.onset for note in notes]).tolist()
        mixed = {(at, n.part, n.pitch): replace(n, onset=Tick(at)) for at, n in zip(onsets, notes, strict=True)}
        passages.append(replace(prompt.truth, notes=trimmed(sorted(mixed.values()), 0, prompt.truth.ticks)))
    return passages


def silence(prompts: Sequence[Prompt]) -> list[Passage]:
    return [replace(prompt.truth, notes=()) for prompt in prompts]


BASELINES: dict[str, Callable[[Sequence[Prompt]], list[Passage]]] = {
    "truth": truth,
    "prompt-repeated": prompt_repeated,
    "other-piece": other_piece,
    "random-order": random_order,
    "silence": silence,
}


def _other(i: int, prompts: Sequence[Prompt]) -> Prompt:
    mine = prompts[i]
    later = [*prompts[i + 1 :], *prompts[:i]]
    others = [each for each in later if each.piece != mine.piece and each.place.kind == mine.place.kind]
    return min(others, key=lambda other: other.truth.meter != mine.truth.meter, default=mine)


def _in_place_of(prompt: Prompt, other: Prompt) -> Passage:
    notes: tuple[Note, ...] = trimmed(other.truth.notes, 0, prompt.truth.ticks)
    return replace(prompt.truth, notes=notes, programs=other.truth.programs)
