"""What a scored entry leaves behind: a file that anybody's table can be made of. Knows no music."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.evaluation.intervals import Interval
from music.errors import TradefoursError

FORMAT: Final = "tradefours benchmark-suite results 1"
DIGITS: Final = 6


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Figure(_Strict):
    """A figure and its 95 % bootstrap interval; a piece with several prompts is drawn as a whole."""

    value: float
    low: float
    high: float


class Speed(_Strict):
    """Measured one continuation at a time, on prompts of the set, after a warm-up."""

    notes_per_s: float = Field(gt=0, description="Notes written, by the seconds from prompt to last note, in all.")
    first_note_ms: float = Field(ge=0, description="From prompt to first note decided, median over the prompts.")
    hardware: str = Field(min_length=1, max_length=200, description="What it ran on, and what else ran there.")


class Files(_Strict):
    """What was wrong with the entry's files, by names of prompts. All but the short ones count as silence."""

    missing: tuple[str, ...] = Field(default=(), description="No such file.")
    broken: dict[str, str] = Field(default={}, description="No MIDI file that can be read, and why.")
    empty: tuple[str, ...] = Field(default=(), description="No note in the bars that count.")
    short: tuple[str, ...] = Field(default=(), description="No note begins in the last half of them.")

    @property
    def amiss(self) -> int:
        return len(self.missing) + len(self.broken) + len(self.empty) + len(self.short)


class Results(_Strict):
    """Of one entry."""

    format: Literal["tradefours benchmark-suite results 1"] = FORMAT
    version: int = Field(description="Of the prompt set.")
    prompts_sha256: str = Field(description="SHA-256 of the prompt set's file.")
    name: str = Field(min_length=1, max_length=80, description="Of the entry.")
    quick: bool = Field(description="Whether only the set's first prompts were scored.")
    prompts: dict[str, int] = Field(description="How many were scored, by group.")
    pieces: dict[str, int] = Field(description="Of how many pieces they are, by group.")
    files: Files = Field(description="What was wrong with the entry's files.")
    figures: dict[str, dict[str, Figure]] = Field(description="By group: all, multi, piano.")
    speed: Speed | None = Field(default=None, description="From the folder's `speed.json`, if it had one.")


def read_results(text: str, where: object) -> Results:
    try:
        return Results.model_validate_json(text)
    except ValidationError as error:
        raise TradefoursError(f"expected a results file at {where}, got: {_first(error)}") from None


def read_speed(text: str, where: object) -> Speed:
    try:
        return Speed.model_validate_json(text)
    except ValidationError as error:
        raise TradefoursError(
            f"expected notes_per_s, first_note_ms and hardware in {where}, got: {_first(error)}"
        ) from None


def figure(interval: Interval) -> Figure:
    """Rounded: the last digits are the processor's."""
    value, low, high = (round(each, DIGITS) for each in (interval.value, interval.low, interval.high))
    return Figure(value=value, low=low, high=high)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg'].lower()}"
