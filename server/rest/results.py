"""Finished pieces in the form that is asked for: MIDI, sound, notes, or all in one archive. Blocks."""

import json
import zipfile
from pathlib import Path
from subprocess import CalledProcessError, TimeoutExpired
from typing import Any, Final

from music.errors import TradefoursError
from music.files import read_midi
from music.time import TempoMap
from server.synth import can_render, render

MIDI, WAV, JSON, ZIP = "audio/midi", "audio/wav", "application/json", "application/zip"
ENDINGS: Final = {MIDI: "mid", WAV: "wav", JSON: "json", ZIP: "zip"}
LONGEST_SOUND_S: Final = 600


class NoSound(TradefoursError):
    """Nothing here makes sound of this piece."""


def acceptable(accept: str, offered: tuple[str, ...]) -> list[str]:
    """Of those offered, what an Accept header takes, the most wanted first."""
    wishes = dict[str, float]()
    for wish in accept.split(",") if accept.strip() else ["*/*"]:
        name, *parameters = (part.strip().lower() for part in wish.split(";"))
        weights = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
        try:
            wishes[name] = float(weights[0]) if weights else 1.0
        except ValueError:
            wishes[name] = 0.0

    def weight(kind: str) -> float:
        return next((wishes[name] for name in (kind, f"{kind.split('/')[0]}/*", "*/*") if name in wishes), 0.0)

    return sorted((kind for kind in offered if weight(kind) > 0), key=weight, reverse=True)


def notes_of(midi: bytes) -> dict[str, Any]:
    """What a piece says, for programs."""
    score = read_midi(midi)
    return {
        "parts": [{"program": part.program, "name": part.name} for part in score.parts],
        "tempos": [{"tick": tempo.tick, "bpm": tempo.bpm} for tempo in score.tempos],
        "meters": [{"tick": change.tick, "meter": str(change.meter)} for change in score.meters],
        "notes": [
            {"tick": n.onset, "duration": n.duration, "part": n.part, "pitch": n.pitch, "velocity": n.velocity}
            for n in score.notes
        ],
    }


def json_of(id: str, seed: int, pieces: dict[int, bytes]) -> bytes:
    told = [{"number": number, "seed": seed + number - 1, **notes_of(midi)} for number, midi in pieces.items()]
    return json.dumps({"id": id, "pieces": told}).encode()


def archive(id: str, pieces: dict[int, bytes], path: Path) -> None:
    """The same pieces give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number, midi in pieces.items():
            file.writestr(zipfile.ZipInfo(f"{id}-{number:02}.mid"), midi, zipfile.ZIP_DEFLATED)


def sound(midi: bytes, path: Path) -> None:
    """A WAV file. Raises NoSound with what to do."""
    if not can_render():
        raise NoSound(
            "expected FluidSynth and a sound font for audio/wav, got none: "
            "install them where the server runs (Debian: apt install fluidsynth timgm6mb-soundfont), or take audio/midi"
        )
    score = read_midi(midi)
    seconds = TempoMap(score.tempos).nanos_at(score.end) / 1e9
    if seconds > LONGEST_SOUND_S:
        raise NoSound(f"expected a piece of at most {LONGEST_SOUND_S} s for audio/wav, got {seconds:.0f} s")
    source = path.with_suffix(".mid")
    source.write_bytes(midi)
    try:
        render(source, path)
    except (OSError, CalledProcessError, TimeoutExpired) as error:
        raise NoSound(f"expected FluidSynth to make audio/wav, got: {error}; audio/midi can be had") from error
