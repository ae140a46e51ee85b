"""What is said about generations, over REST: what is asked for, and how far it is. Knows no route and no engine.

Ticks are musical time, 480 to the quarter. Bars count from 1.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from music.errors import BadSetting
from music.harmony import ALIASES, CHORDS, SCALES, parse_chart
from streaming.messages import FOLLOW, PartIndex, PromptNote

DEFAULT_BARS: Final = 8
DEFAULT_SECONDS: Final = 30  # of solo piano
MOST_BARS: Final = 512
MOST_PIECES: Final = 128
MOST_NOTES: Final = 20_000
SECONDS: Final = 3600

GenerationMode = Literal["continue", "accompany", "fill", "answer"]
GenerationStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]

_LETTER: Final = "[A-G][#b]?"
_QUALITIES: Final = "|".join(
    name.replace("+", r"\+") for name in sorted({*CHORDS, *ALIASES} - {""}, key=len, reverse=True)
)
_CHORD: Final = rf"({_LETTER}({_QUALITIES})?(/{_LETTER})?)"
_BAR: Final = rf" ?{_CHORD}( {_CHORD}){{0,3}} ?"
KEY: Final = rf"^({FOLLOW}|{_LETTER}( ({'|'.join(SCALES)}))?)?$"
CHART: Final = rf"^({_BAR}(\|({_BAR}| ?%? ?)){{0,63}})?$"
METER: Final = r"^([1-9]|[1-5][0-9]|6[0-4])/(1|2|4|8|16|32|64)$"


def _chords(text: str) -> str:
    """Raises ValueError, which is pydantic's way to hear of it."""
    try:
        if text:
            parse_chart(text)
    except BadSetting as error:
        raise ValueError(str(error)) from None
    return text


class GenerationOptions(BaseModel):
    """How to write. The same options, seed and prompt give the same bytes, with the same network and engine."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str = Field(default="", max_length=200, description="Name of the network; empty: the one that plays here.")
    mode: GenerationMode = Field(
        default="continue",
        description="continue: more bars. accompany: new parts under those that are given. fill: some bars anew. "
        "answer: new players reply.",
    )
    seed: int = Field(default=0, ge=0, lt=2**53, description="Of the first piece; each further one has the next.")
    variations: int = Field(default=1, ge=1, le=MOST_PIECES, description="So many pieces.")
    bars: int | None = Field(
        default=None,
        ge=1,
        le=MOST_BARS,
        description="Bars to write; 8 if neither is said, but accompany goes to the end of the prompt.",
    )
    seconds: float | None = Field(
        default=None,
        gt=0,
        le=SECONDS,
        description="In the place of bars: as many whole bars as last so long; of solo piano exactly so long, or 30.",
    )
    temperature: float = Field(default=0.95, ge=0, le=5, description="Lower is safer, higher is bolder.")
    top_p: float = Field(default=0.97, gt=0, le=1, description="Keep the likeliest tokens of so much probability.")
    min_p: float = Field(default=0.02, ge=0, lt=1, description="Drop tokens below this share of the likeliest.")
    key: str = Field(
        default=FOLLOW,
        max_length=40,
        pattern=KEY,
        description="New notes are of this key: C major, F# minor, Bb blues. follow: accompany and fill lean to the "
        "key and the chords of what is given beside them. Empty: any.",
    )
    chords: Annotated[str, AfterValidator(_chords)] = Field(
        default="",
        max_length=1000,
        pattern=CHART,
        description="Bars of chords for the new notes, again and again: Am7 | D7 G7 | C.",
    )
    prompt_bars: int | None = Field(
        default=None, ge=1, le=100_000, description="Only the first bars of the prompt are used."
    )
    from_bar: int | None = Field(
        default=None, ge=1, le=100_000, description="accompany, fill: the first bar to write; 1 if not said."
    )
    parts: tuple[PartIndex, ...] = Field(
        default=(), max_length=16, description="continue, fill: the prompt's parts that are written; all if not said."
    )
    programs: tuple[Annotated[int, Field(ge=0, le=128)], ...] = Field(
        default=(),
        max_length=15,
        description="accompany, answer: new parts, General MIDI, 0-based, 128 is drums; if not said a piano "
        "accompanies, and the prompt's own instruments answer.",
    )

    @model_validator(mode="after")
    def _says_one_length(self) -> Self:
        if self.bars is not None and self.seconds is not None:
            raise ValueError("expected bars or seconds, got both")
        return self


class GenerationRequest(GenerationOptions):
    """Options, and a prompt as notes. Without notes the music begins from nothing."""

    notes: tuple[PromptNote, ...] = Field(default=(), max_length=MOST_NOTES, description="The prompt.")
    instruments: tuple[Annotated[int, Field(ge=0, le=128)], ...] = Field(
        default=(), max_length=16, description="Programs of the prompt's parts, in order; pianos if not said."
    )
    bpm: float = Field(default=120.0, ge=20, le=400, description="Tempo of the prompt.")
    meter: str = Field(default="4/4", pattern=METER, description="Meter of the prompt.")


class Generation(BaseModel):
    """How far a generation is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    status: GenerationStatus
    mode: GenerationMode
    model: str = Field(description="Name of the network that writes it.")
    weights: str = Field(description="Fingerprint of its weights.")
    seed: int
    variations: int
    done: tuple[int, ...] = Field(default=(), description="Numbers of the pieces that can be had, from 1.")
    progress: float = Field(default=0.0, ge=0, le=1, description="Share of the bars, or seconds, that are written.")
    queue_position: int | None = Field(default=None, description="So many generations go first.")
    reason: str | None = Field(default=None, description="Why it failed.")

    @property
    def is_over(self) -> bool:
        return self.status not in ("queued", "running")


class ModelAbout(BaseModel):
    """A network that can be asked for."""

    name: str
    weights: str = Field(description="Fingerprint: other weights have another.")
    backend: str = Field(description="What computes it.")
    context: int = Field(description="Tokens that it hears at most.")
    is_solo: bool = Field(description="It plays the piano alone: generations of mode continue, and live in answers.")


class Models(BaseModel):
    models: list[ModelAbout]


class SessionAbout(BaseModel):
    """Somebody plays, or has played lately."""

    session: str
    is_live: bool
    tick: int | None = Field(description="Where its clock is; null before it runs.")
    recording: str = Field(description="Where its MIDI file can be had.")


class Sessions(BaseModel):
    sessions: list[SessionAbout]
    capacity: int = Field(description="Players at once.")
