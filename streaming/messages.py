"""Every message on the wire of `/v1/live`, in both directions. One class, one message.

A frame holds one message, as JSON or as msgpack (`streaming/wire.py`). `seq` counts up from 0 on each
side. Ticks are musical time, 480 to the quarter, counted by the client, whose side owns the clock.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from music.errors import BadSetting
from music.harmony import Key, parse_chart

SUBPROTOCOL = "tradefours.v1+json"
MSGPACK = "tradefours.v1+msgpack"
HEARTBEAT_S = 0.25  # the client sends one this often, and the server answers each
SILENCE_S = 3 * HEARTBEAT_S  # a server that is silent for so long is gone

PartIndex = Annotated[int, Field(ge=0, le=15)]
Pitch = Annotated[int, Field(ge=0, le=127)]
Velocity = Annotated[int, Field(ge=1, le=127)]
WireTick = Annotated[int, Field(ge=0, lt=2**40)]
Mode = Literal["answer", "duet", "accompany", "trade", "continue"]
SLOWEST_BPM = 10.0  # of a clock that is followed
FOLLOW = "follow"  # instead of a key or chords: those that the humans play


def _key(text: str) -> str:
    """Raises ValueError, which is pydantic's way to hear of it."""
    try:
        if text not in ("", FOLLOW):
            Key.parse(text)
    except BadSetting as error:
        raise ValueError(str(error)) from None
    return text


def _chords(text: str) -> str:
    try:
        if text not in ("", FOLLOW):
            parse_chart(text)
    except BadSetting as error:
        raise ValueError(str(error)) from None
    return text


KeyText = Annotated[str, Field(max_length=40), AfterValidator(_key)]
ChordsText = Annotated[str, Field(max_length=1000), AfterValidator(_chords)]


def _guard(strikes: int) -> int:
    if strikes == 1:
        raise ValueError("expected 0 or at least 2, got 1")
    return strikes


def _heartbeat_bpm(bpm: float) -> float:
    if 0 < bpm < SLOWEST_BPM:
        raise ValueError(f"expected 0 or at least {SLOWEST_BPM:g}, got {bpm:g}")
    return bpm


HeartbeatBpm = Annotated[float, Field(ge=0, le=1000), AfterValidator(_heartbeat_bpm)]
GuardStrikes = Annotated[int, Field(ge=0, le=64), AfterValidator(_guard)]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seq: int = Field(default=0, ge=0, description="Counts up from 0 on each side.")


# ---- from the client ---------------------------------------------------------------------------------


class Hello(Message):
    """The first message on every connection; answered by `welcome`."""

    type: Literal["hello"] = "hello"
    client: str = Field(default="", max_length=100, description="Name and version, for the log.")
    keep_s: float = Field(
        default=0.0, ge=0, le=60, description="So long a session waits when its connection is lost; 0: it ends."
    )
    resume: str = Field(default="", max_length=100, description="From an earlier `welcome`: go on with that session.")
    last_seq: int = Field(default=0, ge=0, description="With `resume`: `seq` of the last message that was heard.")


class PlayerPart(BaseModel):
    """Who plays a part, and on what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: PartIndex
    program: int = Field(default=0, ge=0, le=128, description="General MIDI, 0-based; 128 is drums.")
    low: Pitch = Field(default=0, description="A machine's part plays no pitch below; drums play any.")
    high: Pitch = Field(default=127, description="And none above.")

    @model_validator(mode="after")
    def _has_pitches(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"expected low <= high, got {self.low} and {self.high}")
        return self


class PromptNote(BaseModel):
    """A note that was before the session: it is not played, the machine goes on from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tick: WireTick
    duration: int = Field(ge=1, lt=2**31, description="Ticks.")
    part: PartIndex
    pitch: Pitch
    velocity: Velocity


class Start(Message):
    """Begin to play, or begin anew with other settings. Tick 0 is the first beat of bar 1."""

    type: Literal["start"] = "start"
    mode: Mode = "answer"
    bpm: float = Field(default=120.0, ge=20, le=400)
    meter: str = Field(default="4/4", max_length=8)
    human: tuple[PlayerPart, ...] = Field(default=(PlayerPart(part=0),), min_length=1, max_length=15)
    machine: tuple[PlayerPart, ...] = Field(default=(PlayerPart(part=1),), min_length=1, max_length=15)
    seed: int = Field(default=0, ge=0, lt=2**63)
    temperature: float = Field(default=0.95, gt=0, le=5)
    top_p: float = Field(default=0.97, gt=0, le=1)
    min_p: float = Field(default=0.02, ge=0, lt=1)
    silence_ms: int = Field(default=350, ge=50, le=10_000, description="answer: this long after the last key is up.")
    answer_bars: int = Field(default=4, ge=1, le=64, description="answer: at most this many bars.")
    answer_on_bar: bool = Field(default=False, description="answer: begin at the next bar line.")
    trade_bars: int = Field(default=4, ge=1, le=64, description="trade: so many bars each, the human first.")
    count_in_bars: int = Field(default=0, ge=0, le=4, description="So many bars of clicks before bar 1 of the music.")
    prompt: tuple[PromptNote, ...] = Field(
        default=(), max_length=600, description="Music before tick 0, its own ticks from 0; a whole number of bars."
    )
    key: KeyText = Field(
        default=FOLLOW,
        description="Pitches of this key alone: C major, F# minor, Bb blues; follow: rather the humans'; empty: any.",
    )
    chords: ChordsText = Field(
        default="", description="Bars of chords, again and again: Am7 | D7 G7 | C; follow: the humans'; empty: none."
    )
    density: float = Field(default=0.0, ge=-1, le=1, description="-1 plays few notes, 1 many.")
    dynamics: float = Field(default=0.0, ge=-1, le=1, description="-1 plays softly, 1 loudly.")
    leave_space: float = Field(default=0.0, ge=0, le=1, description="1 plays little while the humans play much.")
    repetition_guard: GuardStrikes = Field(
        default=8, description="So many equal strikes or bars in a row are unlikely, drums apart; 0: no matter."
    )
    commit_beats: float = Field(default=0.25, gt=0, le=16, description="Notes this near will sound, come what may.")
    lookahead_beats: float = Field(default=4.0, gt=0, le=64, description="The plan reaches this far if none plays.")
    tokens: bool = Field(default=False, description="`tokens` tell what the network sees, too.")


class Join(Message):
    """Play in another client's session: instead of `start`. Its plans come here, too; its client keeps the time."""

    type: Literal["join"] = "join"
    session: str = Field(max_length=100, description="From the other client's `welcome`.")
    player: PlayerPart


class PlayedNote(Message):
    """A key went down or came up on the human's side."""

    type: Literal["note"] = "note"
    tick: WireTick
    part: PartIndex = 0
    pitch: Pitch
    velocity: int = Field(default=0, ge=0, le=127, description="0 means that the key came up.")


class Pedal(Message):
    """The sustain pedal of a part went down or came up: while it is down, notes last.

    Not for clients that fold it into their notes.
    """

    type: Literal["pedal"] = "pedal"
    tick: WireTick
    part: PartIndex = 0
    down: bool


class Transport(Message):
    """`stop` ends the machine's playing: the plan is cancelled, sounding notes end at once.

    `end` comes to a close: a last chord at a bar line, within two bars. The human's next note starts it again.
    """

    type: Literal["transport"] = "transport"
    action: Literal["stop", "end"]
    tick: WireTick


class Control(Message):
    """Change how the machine plays, now. Fields left out stay as they are.

    A plan answers, if only by its `answers_seq`.
    """

    type: Literal["control"] = "control"
    mode: Mode | None = None
    machine: tuple[PlayerPart, ...] | None = Field(default=None, min_length=1, max_length=15)
    mute: tuple[PartIndex, ...] | None = Field(default=None, max_length=16, description="The machine's silent parts.")
    key: KeyText | None = None
    chords: ChordsText | None = None
    density: float | None = Field(default=None, ge=-1, le=1)
    dynamics: float | None = Field(default=None, ge=-1, le=1)
    leave_space: float | None = Field(default=None, ge=0, le=1)
    repetition_guard: GuardStrikes | None = None
    freeze: bool | None = Field(default=None, description="true: the machine repeats its last bar until false.")
    temperature: float | None = Field(default=None, gt=0, le=5)
    top_p: float | None = Field(default=None, gt=0, le=1)
    min_p: float | None = Field(default=None, ge=0, lt=1)


class ClientHeartbeat(Message):
    """Sent every 250 ms. `tick` is null until the client's clock runs. `ping_ns` comes back as it was.

    A client that must hand notes on before they are due tells a tick that is ahead of its clock by as much.
    """

    type: Literal["heartbeat"] = "heartbeat"
    tick: WireTick | None = None
    bpm: HeartbeatBpm | None = Field(
        default=None,
        description="The tempo from `tick` on, where that is new; 0: the clock stands there.",
    )
    ping_ns: int = 0
    round_trip_ms: float | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="What most of the answered pings took: plans then come that much earlier.",
    )


class ClientBye(Message):
    """The client leaves on purpose."""

    type: Literal["bye"] = "bye"


# ---- from the server ---------------------------------------------------------------------------------


class Welcome(Message):
    """Answers `hello`."""

    type: Literal["welcome"] = "welcome"
    session: str = Field(description="Identity of this session, for logs.")
    server: str = Field(description="Version of the server.")
    model: str = Field(description="Name of the network that plays.")
    resume: str = Field(default="", description="A secret, with which `hello` can go on with this session.")
    resumed: bool = Field(default=False, description="The session that `hello` asked for goes on.")
    last_seq: int | None = Field(
        default=None, description="`seq` of the client's newest message that it has heard: say again what followed."
    )


class PlannedNote(BaseModel):
    """A note that the machine means to play."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int = Field(ge=0, description="Unique in the session.")
    tick: WireTick
    duration: int = Field(ge=1, description="Ticks.")
    part: PartIndex
    pitch: Pitch
    velocity: Velocity


class Plan(Message):
    """Changes of the plan. A note is added as tentative, then committed (it will sound) or cancelled (it will not)."""

    type: Literal["plan"] = "plan"
    add: tuple[PlannedNote, ...] = ()
    commit: tuple[int, ...] = ()
    cancel: tuple[int, ...] = ()
    silence: bool = Field(default=False, description="End every sounding note of the machine now.")
    answers_seq: int | None = Field(
        default=None, description="`seq` of the newest `note`, `control` or `transport` that it has heard."
    )
    reviewed_seq: int | None = Field(
        default=None, description="Where a note has been reviewed: `seq` of the newest message heard by then."
    )


class Tokens(Message):
    """The tokens that the network sees have changed: those before `position` stay, these follow, all others are void.

    On request only. Where the client reads too slowly several changes come as one.
    """

    type: Literal["tokens"] = "tokens"
    position: int = Field(ge=0, description="So many tokens stay; fewer than there were is a rewind.")
    tokens: tuple[int, ...] = ()
    first_tick: int = Field(default=0, description="Where the first bar begins; before 0 where there was a prompt.")
    parts: tuple[PartIndex, ...] = Field(
        default=(),
        description="The parts as the network numbers them, from 0 on: at one onset they are written in this order. "
        "Empty where it knows of none.",
    )
    merged: int = Field(default=0, ge=0, description="So many changes more are in this one, as the client was behind.")


class ServerHeartbeat(Message):
    """Answers each heartbeat of the client."""

    type: Literal["heartbeat"] = "heartbeat"
    tick: WireTick | None = Field(default=None, description="Where the server believes the client's clock to be.")
    ping_ns: int = 0
    sounding: tuple[int, ...] = Field(default=(), description="Ids of the notes that sound at `tick`, by the plan.")
    tokens_per_second: float = 0.0
    late: int = Field(default=0, description="Notes that came too late to be played, in all.")
    rested: int = Field(default=0, description="Times that the machine rested because it could not keep up, in all.")
    in_time_share: float = Field(
        default=1.0, description="Of the sixteenths of the machine's turns, those that it had decided before they came."
    )


class ErrorMessage(Message):
    """Something the client sent was wrong (`fatal` false: it was ignored), or the session cannot go on."""

    type: Literal["error"] = "error"
    code: str
    reason: str
    fatal: bool = False


class ServerBye(Message):
    """The server ends the session; nothing follows."""

    type: Literal["bye"] = "bye"
    reason: str = ""


ClientMessage = Annotated[
    Hello | Start | Join | PlayedNote | Pedal | Transport | Control | ClientHeartbeat | ClientBye,
    Field(discriminator="type"),
]
ServerMessage = Annotated[
    Welcome | Plan | Tokens | ServerHeartbeat | ErrorMessage | ServerBye, Field(discriminator="type")
]

client_message: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
server_message: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
