"""What a player may ask of the bridge, checked, and the `start` message that asks the server for it.

Knows no ports and no connection.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import ValidationError
from typer import Option
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from clients.prompt import prompt_of
from music.errors import BadSetting
from music.time import Meter
from streaming.messages import FOLLOW, Mode, PlayerPart, Start

DRUM_CHANNEL: Final = 10  # as users count them, from 1
DRUM_PROGRAM: Final = 128
MOST_PARTS: Final = 15
LARGEST_OFFSET_MS: Final = 500.0

Ports = Literal["by-channel", "by-part"]
Clock = Literal["auto", "internal", "midi", "link"]


def channels(text: str) -> tuple[int, ...]:
    """ "1,2,10" -> (1, 2, 10)."""
    try:
        return tuple(int(each) for each in text.split(",") if text)
    except ValueError:
        raise BadSetting(f"expected channels such as 1,2,10, got {text!r}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """What has an `Option` is one of the command line, wherever a bridge is started, in this order."""

    url: str = "ws://127.0.0.1:8765/v1/live"
    access_key: str = field(default="", repr=False)  # for a server that wants one
    inputs: Annotated[
        tuple[str, ...],
        Option("--in", help="Existing input port, several for several players; without it `Tradefours In` is made."),
    ] = ()
    output: Annotated[
        str | None, Option("--out", help="Existing output port; without it `Tradefours Out` is made.")
    ] = None
    ports: Annotated[
        Ports, Option(help="by-channel: the machine's parts share `Tradefours Out`. by-part: `Tradefours Out 1`, 2 ...")
    ] = "by-channel"
    api: Annotated[str | None, Option(help="coremidi, alsa, jack or winmm; without it the first that works.")] = None
    mode: Annotated[
        Mode,
        Option(
            help="answer: replies when you pause. duet: plays along. accompany: plays while you do. "
            "trade: bars in turn. continue: goes on from --prompt."
        ),
    ] = "answer"
    bpm: Annotated[float, Option(help="Tempo of the bars, 20 to 400.")] = 120.0
    meter: Annotated[str, Option(help="Such as 4/4 or 6/8.")] = "4/4"
    offset_ms: Annotated[
        float, Option(help="Added to the time of every note, -500 to 500; negative if your instrument is late.")
    ] = 0.0
    clock_offset_ms: Annotated[
        float, Option(help="Added to the time of `Tradefours Clock`; negative if who follows it is late.")
    ] = 0.0
    programs: Annotated[
        tuple[int, ...],
        Option(
            "--program",
            help="The machine's instrument: General MIDI 0 to 127, 128 for drums on channel 10; "
            "several for several parts.",
        ),
    ] = (0,)
    input_parts: Annotated[
        tuple[int, ...],
        Option(
            parser=channels,
            metavar="<str>",
            help="Channels of a port's players, such as 1,2,10; without it all channels are one player's.",
        ),
    ] = ()
    clock: Annotated[
        Clock,
        Option(
            help="auto: your first key begins, and a MIDI clock at `Tradefours In` takes over when it starts. "
            "internal: never. midi: waits for one, and stops with it. link: Ableton Link's beat, start and stop."
        ),
    ] = "auto"
    tap: Annotated[int | None, Option(help="The controller, 0 to 127, whose button or pedal taps the tempo.")] = None
    thru: Annotated[
        bool,
        Option("--thru", help="Hand on what you play, at once: to `Tradefours Thru`, or to the port of --out."),
    ] = False
    record: Annotated[
        Path | None, Option(help="Write what was played to this MIDI file; a second take to another.")
    ] = None
    active_sensing: Annotated[
        bool,
        Option("--active-sensing", help="Tell the instrument that we are here, so that it falls silent when not."),
    ] = False
    exact: Annotated[bool, Option("--exact", help="Through JACK notes leave at their sample; needs JACK-Client.")] = (
        False
    )
    seed: Annotated[int, Option(help="The same seed and the same input give the same result.")] = 0
    temperature: Annotated[float, Option(help="Lower is safer, higher is bolder.")] = 0.95
    key: Annotated[
        str, Option(help='The machine plays in this key alone: F# minor, say; follow: rather yours; "": any.')
    ] = FOLLOW
    chords: Annotated[str, Option(help='Bars of chords, again and again: "Am7 | D7 G7 | C"; follow: yours.')] = ""
    density: Annotated[float, Option(help="-1 for few notes of the machine, 1 for many.")] = 0.0
    leave_space: Annotated[float, Option(help="1: the machine plays little while you play much.")] = 0.0
    trade_bars: Annotated[int, Option(help="trade: so many bars each.")] = 4
    count_in_bars: Annotated[int, Option(help="So many bars of clicks first; your first key starts them.")] = 0
    prompt: Annotated[Path | None, Option(help="continue: a MIDI file to go on from.")] = None
    controllers: Annotated[
        Path | None, Option(help="Where is kept which knob or button does what; a file of the user's own if not said.")
    ] = None
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
