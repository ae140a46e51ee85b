"""MIDI becomes sound where a synthesiser is installed."""

import wave
from pathlib import Path

import pytest

from music.files import save_midi
from music.score import Note, Part, Score
from music.time import Tick
from server.synth import can_render, render


@pytest.mark.skipif(not can_render(), reason="needs fluidsynth and a sound font")
def test_a_second_of_midi_is_a_second_of_sound(tmp_path: Path) -> None:
    save_midi(Score((Part(0),), (Note(Tick(0), 0, 60, 100, 960),)), tmp_path / "a.mid")
    render(tmp_path / "a.mid", tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as sound:
        frames = sound.readframes(sound.getnframes())
        assert sound.getnframes() / sound.getframerate() >= 1
    assert any(frames)
