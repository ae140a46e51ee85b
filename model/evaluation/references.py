"""NMSI of the machine's continuations beside what an honest table needs: a floor, a trivial rival and a ceiling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from model.evaluation.intervals import Interval, mean_interval
from model.evaluation.nmsi import Likeness, compare_passages
from model.evaluation.passage import Passage
from model.evaluation.trials import Trial

MACHINE, OTHER_PIECE, PROMPT_REPEATED, SAME_PIECE = "machine", "other piece", "prompt repeated", "same piece, later"


@dataclass(frozen=True, slots=True)
class LikenessReport:
    """Intervals by component and, under "nmsi", of the whole; of how many trials."""

    figures: Mapping[str, Interval]
    trials: int


def compare_continuations(trials: Sequence[Trial], machine: Sequence[Passage]) -> dict[str, LikenessReport]:
    """Each against the true continuation. A reference that a piece cannot give is left out for that piece."""
    rows: dict[str, list[Likeness]] = {
        MACHINE: [compare_passages(ours, t.truth) for ours, t in zip(machine, trials, strict=True)],
        PROMPT_REPEATED: [compare_passages(repeated(t.prompt, t.truth.bars), t.truth) for t in trials],
        OTHER_PIECE: [
            compare_passages(o.truth, t.truth) for t, o in zip(trials, others(trials), strict=True) if o is not None
        ],
        SAME_PIECE: [compare_passages(t.later, t.truth) for t in trials if t.later is not None],
    }
    return {name: summarise(likenesses) for name, likenesses in rows.items()}


def summarise(likenesses: Sequence[Likeness]) -> LikenessReport:
    names = ["nmsi", *(field.name for field in fields(Likeness))]
    figures = {name: mean_interval([getattr(each, name) for each in likenesses]) for name in names}
    return LikenessReport(figures, len(likenesses))


def repeated(prompt: Passage, bars: int) -> Passage:
    """The prompt again and again, `bars` bars of it."""
    long = prompt
    while long.bars < bars:
        long = long.then(prompt)
    return long.cut(0, bars)


def others(trials: Sequence[Trial]) -> list[Trial | None]:
    """For each trial the next one in the same meter, round and round; None where it is alone in its meter."""
    found: list[Trial | None] = []
    for i, trial in enumerate(trials):
        later = [*trials[i + 1 :], *trials[:i]]
        found.append(next((other for other in later if other.truth.meter == trial.truth.meter), None))
    return found
