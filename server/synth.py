"""A MIDI file to sound, where FluidSynth and a sound font are installed. Knows no music."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

SOUND_FONTS: Final = tuple(
    Path(folder) / name
    for folder in ("/usr/share/sounds/sf2", "/usr/share/soundfonts")
    for name in ("TimGM6mb.sf2", "default-GM.sf2", "FluidR3_GM.sf2")
)
RENDER_S: Final = 120


def can_render() -> bool:
    return shutil.which("fluidsynth") is not None and _sound_font() is not None


def render(midi: Path, wav: Path) -> None:
    """Raises OSError or CalledProcessError where FluidSynth fails; ask `can_render` first."""
    command = ["fluidsynth", "--no-shell", "--quiet", "--fast-render", str(wav), str(_sound_font()), str(midi)]
    subprocess.run(command, check=True, capture_output=True, timeout=RENDER_S)


def _sound_font() -> Path | None:
    return next((font for font in SOUND_FONTS if font.is_file()), None)
