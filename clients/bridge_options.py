"""What a player may ask of the bridge, checked, and the `start` message that asks the server for it.

Knows no ports and no connection.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from clients.clock_conductor import Master
from clients.prompt import prompt_of
from music.errors import BadSetting
from music.time import Meter
from streaming.messages import Mode, PlayerPart, Start

DRUM_CHANNEL: Final = 10  # as users count them, from 1
DRUM_PROGRAM: Final = 128
MOST_PARTS: Final = 15
LARGEST_OFFSET_MS: Final = 500.0


Ports = Literal["by-channel", "by-part"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    url: str = "ws://127.0.0.1:8765/v1/live"
    access_key: str = field(default="", repr=False)  # for a server that wants one
    inputs: tuple[str, ...] = ()  # parts of existing ports' names, a player each; none makes `Tradefours In`
    output: str | None = None  # likewise; None makes `Tradefours Out`
    ports: Ports = "by-channel"  # a port for each part of the machine, or one for all
    input_parts: tuple[int, ...] = ()  # channels, 1..16, of one port's players; none makes all of a port one player
    api: str | None = None  # coremidi, alsa, jack or winmm; None takes the first that works
    clock: Master | Literal["link"] = "auto"
    active_sensing: bool = False  # tell the instrument five times a second that we are here
    mode: Mode = "answer"
    bpm: float = 120.0
    meter: str = "4/4"
    offset_ms: float = 0.0  # added to every due time; negative for an instrument that sounds late
    clock_offset_ms: float = 0.0  # likewise, to every message of `Tradefours Clock`
    programs: tuple[int, ...] = (0,)  # of the machine's parts, 0..127; 128 is drums
    seed: int = 0
    temperature: float = 0.95
    key: str = ""
    chords: str = ""
    density: float = 0.0
    leave_space: float = 0.0
    trade_bars: int = 4
    count_in_bars: int = 0  # the first key starts it
    prompt: Path | None = None  # a MIDI file whose last bars `continue` goes on from
    exact: bool = False  # through JACK notes leave at their sample; needs JACK-Client
    thru: bool = False  # hand on at once what the humans play: to `Tradefours Thru`, or to `output`
    tap: int | None = None  # the controller whose presses beat the tempo
    record: Path | None = None  # a MIDI file of what was played; of a second take another one
    stats: Path | None = None  # a JSON file, written at the end

    def __post_init__(self) -> None:
        for offset_ms in (self.offset_ms, self.clock_offset_ms):
            if not abs(offset_ms) <= LARGEST_OFFSET_MS:  # nan, too
                limit = f"{LARGEST_OFFSET_MS:g}"
                raise BadSetting(f"expected an offset of -{limit} to {limit} ms, got {offset_ms:g}")
        if not all(1 <= channel <= 16 for channel in self.input_parts) or len(set(self.input_parts)) < len(
            self.input_parts
        ):
            raise BadSetting(f"expected different channels out of 1 to 16 for the parts, got {self.input_parts}")
        if self.ports == "by-part" and self.output:
            raise BadSetting(f"expected an existing port or ports by part, got both: {self.output!r} is one port")
        if self.input_parts and len(self.inputs) > 1:
            raise BadSetting("expected several inputs or parts by channel, got both: each input is a part already")
        if len(self.humans) + len(self.programs) > MOST_PARTS or not self.programs:
            raise BadSetting(f"expected 1 to {MOST_PARTS} parts, the humans' among them, got {len(self.programs)}")
        try:
            parse_uri(self.url)
        except InvalidURI:
            raise BadSetting(f"expected an address such as ws://127.0.0.1:8765/v1/live, got {self.url!r}") from None
        for file in (self.stats, self.record):
            if file and (file.is_dir() or not file.parent.is_dir()):
                raise BadSetting(f"expected a file in a folder that exists, got {str(file)!r}")
        if self.tap is not None and not 0 <= self.tap <= 127:
            raise BadSetting(f"expected a controller of 0 to 127 to tap, got {self.tap}")

    @property
    def input_channels(self) -> tuple[int, ...]:
        """Counted from 0."""
        return tuple(channel - 1 for channel in self.input_parts)

    @property
    def bar(self) -> int:
        """In ticks."""
        return Meter.parse(self.meter).bar_ticks

    @property
    def humans(self) -> tuple[PlayerPart, ...]:
        """They come first; whoever plays on the drums' channel plays drums."""
        channels = self.input_parts or (1,) * max(1, len(self.inputs))
        programs = [DRUM_PROGRAM if channel == DRUM_CHANNEL else 0 for channel in channels]
        return tuple(PlayerPart(part=part, program=program) for part, program in enumerate(programs))

    def start(self) -> Start:
        """The message that asks for these settings. Raises BadSetting."""
        Meter.parse(self.meter)
        first = len(self.humans)  # of the machine's parts
        try:
            return Start(
                mode=self.mode,
                bpm=self.bpm,
                meter=self.meter,
                human=self.humans,
                machine=tuple(PlayerPart(part=part, program=each) for part, each in enumerate(self.programs, first)),
                seed=self.seed,
                temperature=self.temperature,
                key=self.key,
                chords=self.chords,
                density=self.density,
                leave_space=self.leave_space,
                trade_bars=self.trade_bars,
                count_in_bars=self.count_in_bars,
                prompt=prompt_of(self.prompt, first) if self.prompt else (),
                # The server's clock is ahead by the offset: without more patience its pauses would be shorter.
                silence_ms=Start().silence_ms + round(max(0.0, -self.offset_ms)),
            )
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            raise BadSetting(f"expected a valid {where}, got {wrong['input']!r}: {wrong['msg']}") from error
