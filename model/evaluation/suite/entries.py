"""An entry: a folder of MIDI files named after the prompts, each how somebody or something goes on.

Whatever is wrong with a file is counted and said; its prompt counts as answered by silence, so that leaving out the
hard ones wins nothing. Knows no figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model.evaluation.passage import Passage, trimmed
from model.evaluation.suite.prompts import Prompt
from music.errors import BadMidi, TradefoursError
from music.files import NoNotes, read_midi, save_midi


@dataclass(frozen=True, slots=True)
class Entry:
    """`passages` are in the prompts' order and of the truths' length. The others are names of prompts."""

    passages: tuple[Passage, ...]
    missing: tuple[str, ...]
    broken: dict[str, str]  # and why
    empty: tuple[str, ...]  # no note in the bars that count
    short: tuple[str, ...]  # nothing begins in the last half of them: counted as it is


def read_entry(folder: Path, prompts: Sequence[Prompt], *, with_prompt: bool) -> Entry:
    """`with_prompt`: the files begin with the prompt's bars, which are cut off."""
    if not folder.is_dir():
        raise TradefoursError(f"expected a folder of continuations, got {folder}, which is none")
    passages, missing, empty, short = list[Passage](), list[str](), list[str](), list[str]()
    broken: dict[str, str] = {}
    for prompt in prompts:
        name, notes = prompt.place.name, replace(prompt.truth, notes=())
        try:
            notes = _read(file_of(folder, name), prompt, prompt.prompt.ticks if with_prompt else 0)
        except FileNotFoundError:
            missing.append(name)
        except NoNotes:
            empty.append(name)
        except BadMidi as error:
            broken[name] = str(error)
        else:
            last = max((note.onset for note in notes.notes), default=None)
            if last is None:
                empty.append(name)
            elif last < notes.ticks / 2:
                short.append(name)
        passages.append(notes)
    if len(missing) == len(prompts):
        raise TradefoursError(
            f"expected files named after the prompts, such as {missing[0]}.mid, in {folder}, got none"
        )
    return Entry(tuple(passages), tuple(missing), broken, tuple(empty), tuple(short))


def write_entry(
    folder: Path, prompts: Sequence[Prompt], passages: Sequence[Passage], progress: Callable[[], object] = lambda: None
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for prompt, passage in zip(prompts, passages, strict=True):
        save_midi(passage.score(), file_of(folder, prompt.place.name))
        progress()


def file_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.mid"


def _read(path: Path, prompt: Prompt, start: int) -> Passage:
    """In the truth's place: its meter and tempo count, whatever the file says of its own."""
    if not path.exists():
        raise FileNotFoundError(path)
    score = read_midi(path)
    notes = trimmed(score.notes, start, start + prompt.truth.ticks)
    return replace(prompt.truth, notes=notes, programs=tuple(part.program for part in score.parts))
