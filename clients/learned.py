"""Which knob, button or pad of which device does what: learned by moving it, kept in a file. Knows no ports."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from platformdirs import user_config_path
from pydantic import Field, TypeAdapter, ValidationError

from clients.wishes import RANGES, Wish
from music.errors import BadSetting
from music.messages import ALL_NOTES_OFF, ALL_SOUND_OFF, PEDAL_DOWN, SUSTAIN, ControlChange, KeyDown, KeyUp, parse

NEVER: Final = {SUSTAIN, ALL_SOUND_OFF, ALL_NOTES_OFF}  # controllers that play


@dataclass(frozen=True, slots=True)
class Source:
    """What is moved on a device."""

    kind: Literal["controller", "key"]
    number: Annotated[int, Field(ge=0, le=127)]
    channel: Annotated[int, Field(ge=1, le=16)]  # as users count them

    def __str__(self) -> str:
        return f"{self.kind} {self.number} on channel {self.channel}"


@dataclass(frozen=True, slots=True)
class Move:
    wish: Wish
    share: float  # of a knob's way, 0..1
    is_press: bool  # it went down just now, or crossed the middle upwards


Devices = dict[str, dict[Wish, Source]]
_FILE: Final = TypeAdapter(Devices)

log = logging.getLogger("bridge")


class Learned:
    """Use from one thread."""

    def __init__(self, path: Path | None = None) -> None:
        """The file need not be there; None means one of the user's own. Raises BadSetting where it cannot be read."""
        self._path = path or user_config_path("tradefours") / "controllers.json"
        self._devices = _read(self._path)
        self._down: dict[tuple[str, Source], bool] = {}  # as each was when it moved last
        self.wanted: Wish | None = None  # what the next that moves is to do

    def learn(self, device: str, message: bytes) -> bool:
        """What moves becomes what is `wanted`. False: it cannot, or nothing is."""
        wish, (source, value) = self.wanted, _moved(message)
        if wish is None or source is None or not value or (wish in RANGES and source.kind == "key"):
            return False
        others = {each: other for each, other in self._devices.get(device, {}).items() if other != source}
        self._devices[device] = {**others, wish: source}
        self._down[device, source] = True  # that it comes up is part of this
        self._done(wish, f"{source} of {device}")
        return True

    def forget(self) -> None:
        """Nothing, on any device, is what is `wanted`."""
        if self.wanted is not None:
            for sources in self._devices.values():
                sources.pop(self.wanted, None)
            self._done(self.wanted, "nothing")

    def hear(self, device: str, message: bytes) -> Move | None:
        """What was learned of it. None: it plays."""
        source, value = _moved(message)
        for wish, learned in self._devices.get(device, {}).items():
            if learned == source:
                was_down = self._down.get((device, learned), False)
                self._down[device, learned] = is_down = value >= (PEDAL_DOWN if learned.kind == "controller" else 1)
                return Move(wish, value / 127, is_down and not was_down)
        return None

    def _done(self, wish: Wish, what: str) -> None:
        self.wanted = None
        log.info("%s is %s", wish, what)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_name(self._path.name + ".new")
            beside.write_bytes(_FILE.dump_json(self._devices, indent=1) + b"\n")
            beside.replace(self._path)  # whole, or not at all
        except OSError as error:
            log.warning("expected to keep that in %s, got: %s", self._path, error.strerror)


def _moved(message: bytes) -> tuple[Source | None, int]:
    """And to where: 0..127."""
    match parse(message):
        case ControlChange(channel, control, value) if control not in NEVER:
            return Source("controller", control, channel + 1), value
        case KeyDown(channel, pitch, velocity):
            return Source("key", pitch, channel + 1), velocity
        case KeyUp(channel, pitch):
            return Source("key", pitch, channel + 1), 0
    return None, 0


def _read(path: Path) -> Devices:
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise BadSetting(f"expected a file of learned controllers at {path}, got: {why}") from error
