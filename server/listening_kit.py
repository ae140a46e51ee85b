"""A folder that is a blind listening test: pairs of MIDI files as sound, equally loud, behind names that tell nothing.

What tells who made which lies beside the folder, not in it.
"""

import json
import os
import random
import secrets
import shutil
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.evaluation.loudness import level
from music.errors import BadMidi, BadSetting, TradefoursError
from music.files import read_midi, save_midi
from music.score import Score
from music.time import MeterChange, Tempo, TempoMap, Tick
from server.composing import bar_after
from server.synth import can_render, render

PAGE: Final = Path(__file__).resolve().parent / "listening"
CODE: Final = Path(__file__).resolve().parent / "studio/built/listen.js"
TARGET_LUFS: Final = -20.0
PEAK: Final = 0.89  # of full scale: -1 dB
QUIET: Final = 0.001  # of full scale: seconds of reverberation below it are left out
KEY_FORMAT: Final = "tradefours listening-test key 1"


class Key(BaseModel):
    """Who made which clip, and which file each pair is of. Not for listeners."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = Field(default=KEY_FORMAT, pattern=f"^{KEY_FORMAT}$")
    test: str
    a: str
    b: str
    clips: dict[str, str]  # clip -> "a" or "b"
    files: dict[str, str]  # pair -> name of the MIDI files
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Folders of MIDI files of the same names."""

    a: Path
    b: Path
    x: Path | None  # what both go on from

    def names(self) -> list[str]:
        """Those that are in all of them."""
        for folder in (self.a, self.b, self.x):
            if folder is not None and not folder.is_dir():
                raise BadSetting(f"expected a folder of MIDI files, got {folder}, which is none")
        stems = [{file.stem for file in folder.glob("*.mid")} for folder in (self.a, self.b, self.x) if folder]
        shared = sorted(set.intersection(*stems))
        if not shared:
            raise BadSetting(f"expected MIDI files of the same names in {self.a} and {self.b}, got none")
        return shared


def key_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.key.json")


def build(
    source: Source,
    out: Path,
    title: str,
    questions: Sequence[str],
    names: Sequence[str],
    progress: Callable[[], object],
) -> Key:
    """A pair for each name. Raises TradefoursError where nothing here makes sound, or a file is no music."""
    if not can_render():
        raise TradefoursError("expected FluidSynth and a sound font to make sound (apt install fluidsynth), got none")
    if out.exists() and any(out.iterdir()):
        raise BadSetting(f"expected an empty folder, or a new one, for the test, got {out}")
    (out / "audio").mkdir(parents=True, exist_ok=True)
    pairs, makers, files = [], dict[str, str](), dict[str, str]()
    for name in names:
        pair, own = _pair(source, name, out / "audio")
        pairs.append(pair)
        makers |= own
        files[str(pair["id"])] = name
        progress()
    random.SystemRandom().shuffle(pairs)  # neither their order nor that of their clips may tell anything
    key = Key(
        test=secrets.token_hex(4),
        a=source.a.name,
        b=source.b.name,
        clips=makers,
        files=files,
        questions=tuple(questions),
    )
    told = {"id": key.test, "title": title, "questions": list(questions), "pairs": pairs}
    (out / "test.js").write_text(f"globalThis.TEST = {json.dumps(told)};\n")
    for file in (PAGE / "index.html", PAGE / "listen.css", CODE):
        shutil.copy(file, out / file.name)
    key_path(out).write_text(key.model_dump_json(indent=1) + "\n")
    return key


def read_key(path: Path) -> Key:
    try:
        return Key.model_validate_json(path.read_text(errors="replace"))
    except ValidationError as error:
        raise TradefoursError(
            f"expected the key of a listening test at {path}, got: {error.errors()[0]['msg']}"
        ) from None


def draw(names: Sequence[str], count: int | None, seed: int) -> list[str]:
    """So many of them, the same for a seed; all of them if nobody says how many."""
    if count is None or count >= len(names):
        return list(names)
    return sorted(random.Random(seed).sample(list(names), count))


def joined(before: Score, after: Score) -> Score:
    """`after` from the bar line on that follows the last onset of `before`."""
    line = bar_after(before)
    parts, place = list(before.parts), dict[int, int]()
    free = list(range(len(before.parts)))
    for i, part in enumerate(after.parts):
        own = next((each for each in free if before.parts[each].program == part.program), None)
        if own is None:
            parts.append(part)
            place[i] = len(parts) - 1
        else:
            free.remove(own)
            place[i] = own
    kept = (replace(note, duration=min(note.duration, line - note.onset)) for note in before.notes)
    moved = (replace(note, onset=Tick(note.onset + line), part=place[note.part]) for note in after.notes)
    tempos = (Tempo(Tick(tempo.tick + line), tempo.us_per_quarter) for tempo in after.tempos)
    meters = (MeterChange(Tick(change.tick + line), change.meter) for change in after.meters)
    return Score(tuple(parts), tuple(sorted((*kept, *moved))), (*before.tempos, *tempos), (*before.meters, *meters))


def _pair(source: Source, name: str, audio: Path) -> tuple[dict[str, object], dict[str, str]]:
    before = _read(source.x, name) if source.x else None
    scores = {"a": _read(source.a, name), "b": _read(source.b, name)}
    if before is not None:
        scores = {who: joined(before, score) for who, score in scores.items()}
    heard = [*scores.values(), *([before] if before else [])]
    sounds = [_sound(score) for score in heard]
    clips = [secrets.token_hex(8) for _ in heard]
    rate = sounds[0][1]
    for clip, samples in zip(clips, level([each for each, _ in sounds], rate, TARGET_LUFS, PEAK), strict=True):
        _write(audio / f"{clip}.wav", samples, rate)
    joint = TempoMap(before.tempos).nanos_at(bar_after(before)) / 1e9 if before else 0.0
    shown: list[str] = random.SystemRandom().sample(clips[:2], 2)
    pair: dict[str, object] = {
        "id": secrets.token_hex(4), "clips": shown, "before": clips[2] if before else None, "joint": round(joint, 3)
    }  # fmt: skip
    return pair, dict(zip(clips[:2], scores, strict=True))


def _read(folder: Path, name: str) -> Score:
    try:
        return read_midi(folder / f"{name}.mid")
    except BadMidi as error:
        raise BadMidi(f"expected music in {folder / name}.mid, got: {error}") from None


def _sound(score: Score) -> tuple[NDArray[np.float64], int]:
    """One channel: where a player sits tells nothing of who is better, and half the bytes do."""
    with TemporaryDirectory() as folder:
        midi, sound = Path(folder) / "clip.mid", Path(folder) / "clip.wav"
        save_midi(score, midi)
        render(midi, sound)
        with wave.open(str(sound)) as file:
            frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            samples = frames.reshape(-1, file.getnchannels()).mean(axis=1) / 2**15
    return samples[: 1 + np.flatnonzero(np.abs(samples) > QUIET).max(initial=0)], file.getframerate()


def _write(path: Path, samples: NDArray[np.float64], rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, len(samples), "NONE", ""))
        file.writeframes((samples * (2**15 - 1)).round().astype("<i2").tobytes())
    os.utime(path, (0, 0))  # which was written first would tell
