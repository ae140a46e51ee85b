"""What a session goes on from."""

from pathlib import Path

import pytest

from clients.prompt import BARS, prompt_of
from music.errors import BadSetting
from music.files import save_midi
from music.score import Note, Part, Score
from music.time import Tick


def saved(tmp_path: Path, notes: list[Note]) -> Path:
    path = tmp_path / "before.mid"
    save_midi(Score((Part(0), Part(33), Part(128)), tuple(sorted(notes))), path)
    return path


def test_a_prompt_is_the_last_bars_of_every_part_but_the_drums(tmp_path: Path) -> None:
    bars = BARS + 3
    notes = [Note(Tick(1920 * bar + 480 * part), part, 60 + part, 80, 200) for bar in range(bars) for part in (0, 1, 2)]
    prompt = prompt_of(saved(tmp_path, notes), 5)
    assert [(n.tick, n.part, n.pitch) for n in prompt] == [
        (1920 * bar + 480 * part, 5, 60 + part) for bar in range(BARS) for part in (0, 1)
    ]


def test_a_short_file_is_a_prompt_from_its_beginning(tmp_path: Path) -> None:
    prompt = prompt_of(saved(tmp_path, [Note(Tick(480), 0, 60, 80, 200)]), 1)
    assert [(n.tick, n.duration) for n in prompt] == [(480, 200)]


def test_a_file_of_drums_alone_is_no_prompt(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="expected a prompt with notes"):
        prompt_of(saved(tmp_path, [Note(Tick(0), 2, 36, 80, 200)]), 1)
