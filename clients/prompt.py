"""The end of a MIDI file as the music that a session goes on from. Knows no session."""

from pathlib import Path
from typing import Final

from music.errors import BadSetting
from music.files import read_midi
from music.time import MeterMap, Tick
from streaming.messages import PromptNote, Start

BARS: Final = 8
MOST: Final = next(rule.max_length for rule in Start.model_fields["prompt"].metadata if hasattr(rule, "max_length"))


def prompt_of(path: Path, part: int) -> tuple[PromptNote, ...]:
    """The last bars of all but the drums, as if one player had played them; ticks from the first of these bars."""
    score = read_midi(path)
    notes = [note for note in score.notes if not score.parts[note.part].is_drums]
    if not notes:
        raise BadSetting(f"expected a prompt with notes, got none in {path}")
    last = MeterMap(score.meters).bar_at(Tick(max(note.onset for note in notes)))
    first = max(0, last.end - BARS * (last.end - last.tick))
    heard = [note for note in notes if note.onset >= first][-MOST:]
    return tuple(
        PromptNote(tick=note.onset - first, duration=note.duration, part=part, pitch=note.pitch, velocity=note.velocity)
        for note in heard
    )
