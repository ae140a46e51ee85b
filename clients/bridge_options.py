"""What a player may ask of the bridge, checked, and the `start` message that asks the server for it.

Knows no ports and no connection.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from clients.prompt import prompt_of
from music.errors import BadSetting
from music.time import Meter
from streaming.messages import Mode, PlayerPart, Start

HUMAN_PART: Final = 0
MACHINE_PART: Final = 1
LARGEST_OFFSET_MS: Final = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    url: str = "ws://127.0.0.1:8765/v1/live"
    input: str | None = None  # part of an existing port's name; None makes the virtual port `Tradefours In`
    output: str | None = None  # likewise, `Tradefours Out`
    api: str | None = None  # coremidi, alsa, jack or winmm; None takes the first that works
    mode: Mode = "answer"
    bpm: float = 120.0
    meter: str = "4/4"
    offset_ms: float = 0.0  # added to every due time; negative for an instrument that sounds late
    program: int = 0  # of the machine, 0..127; 128 is drums
    seed: int = 0
    temperature: float = 0.95
    key: str = ""
    chords: str = ""
    density: float = 0.0
    leave_space: float = 0.0
    trade_bars: int = 4
    count_in_bars: int = 0  # the first key starts it
    prompt: Path | None = None  # a MIDI file whose last bars `continue` goes on from
    stats: Path | None = None  # a JSON file, written at the end

    def __post_init__(self) -> None:
        if not abs(self.offset_ms) <= LARGEST_OFFSET_MS:  # nan, too
            limit = f"{LARGEST_OFFSET_MS:g}"
            raise BadSetting(f"expected an offset of -{limit} to {limit} ms, got {self.offset_ms:g}")
        try:
            parse_uri(self.url)
        except InvalidURI:
            raise BadSetting(f"expected an address such as ws://127.0.0.1:8765/v1/live, got {self.url!r}") from None
        if self.stats and (self.stats.is_dir() or not self.stats.parent.is_dir()):
            raise BadSetting(f"expected a file in a folder that exists for the statistics, got {str(self.stats)!r}")

    def start(self) -> Start:
        """The message that asks for these settings. Raises BadSetting."""
        Meter.parse(self.meter)
        try:
            return Start(
                mode=self.mode,
                bpm=self.bpm,
                meter=self.meter,
                human=(PlayerPart(part=HUMAN_PART),),
                machine=(PlayerPart(part=MACHINE_PART, program=self.program),),
                seed=self.seed,
                temperature=self.temperature,
                key=self.key,
                chords=self.chords,
                density=self.density,
                leave_space=self.leave_space,
                trade_bars=self.trade_bars,
                count_in_bars=self.count_in_bars,
                prompt=prompt_of(self.prompt, MACHINE_PART) if self.prompt else (),
                # The server's clock is ahead by the offset: without more patience its pauses would be shorter.
                silence_ms=Start().silence_ms + round(max(0.0, -self.offset_ms)),
            )
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise BadSetting(f"expected a valid {where}, got {first['input']!r}: {first['msg']}") from error
