"""The ablation of PerceiverS as a page: its answer first. Every sentence that depends on figures is made from them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from benchmarks.study.paired import Array, Json, mean_over
from benchmarks.study.performances import STRETCHES
from benchmarks.study.phrases import fact_table
from model.evaluation.features import MEASURES
from model.evaluation.performances import GRAM, LAGS
from model.evaluation.report import table
from model.networks.perceiver import PerceiverConfig

COVERAGE: Final = "perceivers.png"
HIGHER, LOWER = 1, -1
# What the paper says of each step, in words (arXiv 2411.08307): which Overlap Areas rise, which divergences fall.
STEP_CLAIMS: Final[Mapping[str, tuple[str, Mapping[str, int]]]] = {
    "segmentation, OA": (
        "oa",
        dict.fromkeys(("PC", "PC/seg", "NC", "NC/seg", "PCTM", "PR", "PI", "IOI", "IOI/seg", "NLTM"), HIGHER)
        | dict.fromkeys(("PCH", "NLH"), LOWER),
    ),
    "segmentation, KLD": (
        "kld",
        dict.fromkeys(("PC", "PC/seg", "NC/seg", "PCH/seg", "PCTM", "PR", "PI", "IOI", "IOI/seg"), LOWER),
    ),
    "multi-scale, OA": ("oa", dict.fromkeys(("IOI", "IOI/seg", "NLH", "NLTM", "PCH", "PCH/seg"), HIGHER)),
}
AGREED, AGAINST, OPEN = "agreed", "against", "open"


def page(
    shape: PerceiverConfig, asked: int, seeds: int, by_way: Mapping[Any, Sequence[Json]], facts: Mapping[str, str]
) -> str:
    """Markdown. Each way has at least one run; runs of different ways with the same place have the same seed."""
    rounds = min(map(len, by_way.values()))
    ways = {str(way): runs[:rounds] for way, runs in by_way.items()}
    sections = [
        "# What does each idea of PerceiverS add?",
        answer(ways, asked),
        fact_table(facts),
        f"Networks of {shape.layers} layers, width {shape.width}, {shape.latents} latents and a context of "
        f"{shape.context} tokens, of which the second cross-attention sees {shape.short}; each is asked for {asked:,} "
        "tokens at most, in crops cut by its own rule. Weights are those after the last step. Each plays pieces from "
        "nothing, by chance as it has it, beside the beginnings of as many human pieces that no network has seen.",
        f"![how often each token is asked for]({COVERAGE})",
        "How often each token of a piece of three contexts is asked for: by crops of full length that begin anywhere "
        "(full, the baseline's) none of the first context but its last latents; by those that end anywhere behind the "
        "latents (effective) all, the first ones seldom; by even ends all as often. The line marks one context.",
        "## The steps",
        _steps(ways),
        "Nats a token, on held-out pieces, each token once: of the latents' worth at the beginning, within the "
        f"context, beyond it. Overlap Area: the mean of {len(MEASURES)} measures, as a share of what humans reach "
        f"among themselves. A repetition is {GRAM} notes in a row that were played before.",
        "## Against the paper, measure by measure",
        _directions(ways),
        f"{AGREED}: every seed moves as the paper says; {AGAINST}: every seed the other way; {OPEN}: neither. By "
        f"chance alone {rounds} seed(s) would all move as it says in {100 / 2**rounds:.0f} % of the rows.",
        "## Overlap Area, measure by measure",
        _areas(ways),
        "## Does it forget?",
        _correlations(ways),
        "How much oftener than by chance a token comes again so many tokens later, in percent.",
        "## What this could not show",
        "\n".join(_limits(ways, asked, seeds, rounds)),
    ]
    return "\n\n".join(sections) + "\n"


def answer(ways: Mapping[str, Sequence[Json]], asked: int) -> str:
    """What the paper says, what we found, how sure we are: three sentences."""
    first, *later = ways
    base = _shares(ways[first])
    gains = "; ".join(f"`{way}` {_verdict(_shares(ways[way]) - base)}" for way in later)
    verdicts = _all_verdicts(ways)
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in (AGREED, AGAINST, OPEN))
    rounds, pieces = len(base), len(ways[first][0]["longest"])
    return (
        "PerceiverS (arXiv 2411.08307) says that effective segmentation and a second, short cross-attention raise the "
        "Overlap Area with human piano by 40 % on average over Perceiver AR. "
        f"We found, beside `{first}` with {base.mean():.2f} of the humans' own Overlap Area: {gains}; of the paper's "
        f"{len(verdicts)} directions {counts}. "
        f"How sure: {rounds} seed(s), {pieces} pieces of each, and networks of "
        f"{ways[first][0]['parameters'] / 1e6:.2f} million parameters that were asked for {asked / 1e6:.2f} million "
        "tokens, where the paper's have 329 million and learn for days."
    )


def _verdict(gained: Array) -> str:
    if len(gained) == 1:
        return f"{gained[0]:+.3f} in the only seed"
    agree = "in every seed" if (gained > 0).all() or (gained < 0).all() else "but not in every seed"
    return f"{gained.mean():+.3f} ({gained.min():+.3f} to {gained.max():+.3f}), {agree}"


def _shares(runs: Sequence[Json]) -> Array:
    return np.array([run["share"][0] for run in runs])


def _steps(ways: Mapping[str, Sequence[Json]]) -> str:
    head = ["", "parameters", *(f"nats, {name}" for name in STRETCHES), "Overlap Area", "repetitions/s", "longest"]
    body = [[f"`{way}`", f"{runs[0]['parameters']:,}", *_predicted(runs), *_played(runs)] for way, runs in ways.items()]
    one = next(iter(ways.values()))[0]
    human = ["1", f"{np.mean(one['repeats, human']):.3f}", f"{np.median(one['longest, human']):.0f}"]
    return table(head, [*body, ["human", *[""] * (1 + len(STRETCHES)), *human]])


def _predicted(runs: Sequence[Json]) -> list[str]:
    nats, tokens = np.array([run["nats"] for run in runs]), np.array(runs[0]["tokens"])
    return [str(mean_over(nats[:, :, i], tokens[:, i])) for i in range(len(STRETCHES))]


def _played(runs: Sequence[Json]) -> list[str]:
    shares = _shares(runs)
    return [
        f"{shares.mean():.3f} ({shares.min():.3f} to {shares.max():.3f})",
        f"{np.mean([run['repeats'] for run in runs]):.3f}",
        f"{np.median([run['longest'] for run in runs]):.0f}",
    ]


def _figure(run: Json, kind: str, measure: str) -> float:
    found = run["machine"][measure][kind]
    return float(found[0] if kind == "oa" else found)


def _moves(ways: Mapping[str, Sequence[Json]], step: str, kind: str, measure: str) -> Array:
    """By seed: what a step of the paper changes."""
    names = list(ways)
    before, after = (names[0], names[1]) if step.startswith("segmentation") else (names[1], names[2])
    pairs = zip(ways[before], ways[after], strict=True)
    return np.array([_figure(new, kind, measure) - _figure(old, kind, measure) for old, new in pairs])


def direction(moves: Array, claimed: int) -> str:
    if (claimed * moves > 0).all():
        return AGREED
    return AGAINST if (claimed * moves < 0).all() else OPEN


def _all_verdicts(ways: Mapping[str, Sequence[Json]]) -> list[str]:
    return [
        direction(_moves(ways, step, kind, measure), claimed)
        for step, (kind, claims) in STEP_CLAIMS.items()
        for measure, claimed in claims.items()
    ]


def _directions(ways: Mapping[str, Sequence[Json]]) -> str:
    body = []
    for step, (kind, claims) in STEP_CLAIMS.items():
        for measure, claimed in claims.items():
            moves = _moves(ways, step, kind, measure)
            by_seed = ", ".join("none" if np.isnan(move) else f"{move:+.3f}" for move in moves)
            body.append([step, measure, "higher" if claimed > 0 else "lower", by_seed, direction(moves, claimed)])
    return table(["step", "measure", "the paper", "here, by seed", ""], body)


def _areas(ways: Mapping[str, Sequence[Json]]) -> str:
    one = next(iter(ways.values()))[0]
    body = [
        [
            measure,
            *(f"{np.mean([_figure(run, 'oa', measure) for run in runs]):.3f}" for runs in ways.values()),
            f"{one['human'][measure]['oa'][0]:.3f} ({one['human'][measure]['oa'][1]:.3f} to "
            f"{one['human'][measure]['oa'][2]:.3f})",
        ]
        for measure in MEASURES
    ]
    return table(["", *(f"`{way}`" for way in ways), "human"], body)


def _correlations(ways: Mapping[str, Sequence[Json]]) -> str:
    rows = {f"`{way}`": np.mean([run["autocorrelation"] for run in runs], axis=0) for way, runs in ways.items()}
    rows["human"] = np.array(next(iter(ways.values()))[0]["autocorrelation, human"])
    return table(
        ["", *(f"{lag:,}" for lag in LAGS)],
        [[name, *("" if np.isnan(x) else f"{100 * x:.1f}" for x in row)] for name, row in rows.items()],
    )


def _limits(ways: Mapping[str, Sequence[Json]], asked: int, seeds: int, rounds: int) -> list[str]:
    missing = (seeds - rounds) * len(ways)
    spread = np.ptp(_shares(next(iter(ways.values()))))
    noise = f"those of the baseline differ by {spread:.3f}" if rounds > 1 else "one cannot tell a step from chance"
    more = "" if not missing else " The same command goes on."
    return [
        f"- **Runs**: {rounds} of {seeds} rounds are complete, {missing} runs at most are missing.{more}",
        f"- **Size**: {asked:,} tokens asked for; the paper trains networks a hundred times as large on more, and "
        "plays pieces of 8,192 tokens.",
        f"- **Seeds**: {noise}.",
        "- **The paper's own figures**: it states directions in words; its Table I is of other data and other weights.",
        "- **Ears**: nobody has listened.",
    ]
