"""What a live measurement found in one mode, and the few figures that stand for all of it. Knows no way to measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from streaming.messages import Mode

MODES: Final[tuple[Mode, ...]] = ("duet", "answer")
SOLO_MODES: Final[tuple[Mode, ...]] = ("answer",)
SEED: Final = 4  # of the performance and of the session

Summary = Mapping[str, float]  # of `clients.times.Times`: p50_ms, p95_ms, p99_ms, max_ms, count


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the figures mean is told in `benchmarks/live.py`."""

    mode: Mode
    seconds: float
    human_notes: int
    reaction: Summary
    answer: Summary
    lateness: Summary
    in_time: int
    not_in_time: int
    tokens_per_s: float | None
    notes_on: int
    notes_off: int

    def row(self) -> dict[str, object]:
        """Flat; None where nothing was timed."""
        return {
            "mode": self.mode,
            "seconds": self.seconds,
            "human_notes": self.human_notes,
            **_flat("reaction", self.reaction),
            **_flat("answer", self.answer),
            **_flat("lateness", self.lateness),
            "in_time_share": share(self.in_time, self.not_in_time),
            "tokens_per_s": self.tokens_per_s,
            "notes_on": self.notes_on,
            "notes_off": self.notes_off,
        }


def _flat(name: str, summary: Summary) -> dict[str, object]:
    keys = ("p50_ms", "p95_ms", "p99_ms")
    return {f"{name}_{key}": summary[key] if summary["count"] else None for key in keys}


def ratios(measured: Sequence[Measured]) -> dict[str, float]:
    """Reactions are the duet's, where every human note changes the plan, or those of the one mode there is; of
    latenesses, the worse mode's.

    No ratio is left out: where nothing was timed it is 0, and `notes_on` says so too.
    """
    duet = next((each for each in measured if each.mode == "duet"), measured[0])
    return {
        "reaction_p50_ms": duet.reaction["p50_ms"],
        "reaction_p95_ms": duet.reaction["p95_ms"],
        "lateness_p50_ms": max(each.lateness["p50_ms"] for each in measured),
        "lateness_p95_ms": max(each.lateness["p95_ms"] for each in measured),
        "lateness_p99_ms": max(each.lateness["p99_ms"] for each in measured),
        "in_time_share": share(sum(each.in_time for each in measured), sum(each.not_in_time for each in measured)),
        "notes_on": sum(each.notes_on for each in measured),
        "notes_off": sum(each.notes_off for each in measured),
    }


def share(part: int, rest: int) -> float:
    """Of nothing, all were in time."""
    return part / (part + rest) if part + rest else 1.0
