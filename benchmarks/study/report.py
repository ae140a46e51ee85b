"""The study as a page: its answer first. Every sentence that depends on figures is made from them."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Final

import numpy as np
import torch

from benchmarks.study.claims import CLAIMED_LOSS, loss_verdict, nats_verdict
from benchmarks.study.compare import Standing
from benchmarks.study.paired import Array, Json
from benchmarks.study.phrases import doubt, fact_table, plural, signed
from benchmarks.study.pictures import by_query_group, names_of_heads
from benchmarks.study.plan import MHA, OURS, Match, Run, StudyPlan, parameters
from benchmarks.study.quality import GROUP_NAMES
from benchmarks.study.rival import rival
from benchmarks.study.verdict import Live, verdict
from model.evaluation.evaluate import TONAL
from model.evaluation.heads import specialisation
from model.evaluation.report import table
from model.networks.config import Sharing, preset

QUALITY_PNG, HEADS_PNG = "sharing.png", "sharing-heads.png"
CLAIMED_SAVING: Final = 30.0  # percent of the inference time
HEADLINE: Final = Sharing.ROUTED.value  # what is shipped: chosen before the study, not by it


def page(
    plan: StudyPlan,
    rows: Sequence[Standing],
    heads: Mapping[str, Mapping[str, Array]],
    nmsi: Mapping[str, float],
    speed: Json,
    live: Live,
    facts: Mapping[str, str],
    runs: Sequence[tuple[Run, Json]],
) -> str:
    """Markdown. `rows` must hold `mha`; `facts` say where the figures are from."""
    shape = plan.shape
    sections = [
        "# Does sharing keys and values by attribute cost quality?",
        answer(plan, rows, speed),
        fact_table(facts),
        f"Networks of {shape.layers} layers, width {shape.width}, {shape.heads} heads of {shape.head_size}, context "
        f"{shape.context}; {plan.tokens:,} training tokens each: the same batches in the same order for all ways with "
        "one seed. Brackets hold 95 % bootstrap intervals over pieces and seeds, paired. The weights are those after "
        "the last step; no split chose them. `grouped`, `routed` and `partitioned` are our readings of the paper's "
        "idea ([networks](../architecture.md)); `mqa` has the cache of `routed`, and `gqa` that of `grouped`.",
    ]
    for match in plan.matches:
        sections += _quality([row for row in rows if row.match is match], match, nmsi)
    sections += own_step(rows)
    sections += verdict(rows, runs, speed, live)
    sections += ["## Speed", *_speed(speed), f"![quality against speed]({QUALITY_PNG})"]
    sections += rival(rows, speed)
    sections += _heads(heads)
    sections += ["## What this could not show", *_limits(plan, rows)]
    return "\n\n".join(sections) + "\n"


def answer(plan: StudyPlan, rows: Sequence[Standing], speed: Json) -> str:
    """What the paper says, what we found, how sure we are: three sentences."""
    paper = (
        f"SAGE-Music (arXiv 2510.00395) says that sharing key-value heads by attribute saves about "
        f"{CLAIMED_SAVING:g} % of the inference time and costs about {CLAIMED_LOSS:g} % of NMSI."
    )
    ours = [row for row in rows if row.match is Match.WIDTH and row.way in OURS]
    if not ours:
        return f"{paper} No run of our readings of it is complete yet, so we have found nothing."
    contexts = (
        f"{min(each['context'] for each in speed['rows']):,} to {max(each['context'] for each in speed['rows']):,}"
    )
    found = "; ".join(_finding(row, speed) for row in ours)
    return f"{paper} We found, for `small`, one player and contexts of {contexts}: {found}. {sureness(ours[-1], plan)}"


def _finding(row: Standing, speed: Json) -> str:
    saved = [
        saving(each)
        for each in speed["rows"]
        if (each["shape"], each["sequences"]) == ("small", 1) and each["way"] == row.way
    ]
    return (
        f"`{row.way}` saves {min(saved):.0f} to {max(saved):.0f} % of the time, changes NMSI by "
        f"{signed(row.more_nmsi)} % (a loss of at most {CLAIMED_LOSS:g} % is {loss_verdict(row)}) and nats a token by "
        f"{signed(row.more_nats)} % ({nats_verdict(row)})"
    )


def saving(each: Json) -> float:
    """Percent of the time of `mha`."""
    return 100 * (1 - 1 / float(each["times_as_fast"]))


def sureness(row: Standing, plan: StudyPlan) -> str:
    return (
        f"How sure: {plural(row.seeds)} of each way ({doubt(len(row.seeds))}), {row.pieces} held-out pieces for "
        f"prediction and {row.trials} for NMSI, and networks of {row.parameters / 1e6:.2f} million parameters after "
        f"{plan.tokens / 1e6:.2f} million tokens, where `small` has {parameters(preset('small')) / 1e6:.1f} million."
    )


def _quality(rows: Sequence[Standing], match: Match, nmsi: Mapping[str, float]) -> list[str]:
    if not rows:
        return [f"## At {match}", "No round is complete yet."]
    head = ["", "parameters", "seeds", "nats a token", "more than mha, %", "nats a note", "NMSI", "more than mha, %"]
    body = [
        [
            f"`{row.way}`",
            f"{row.parameters:,}",
            str(len(row.seeds)),
            f"{row.nats_per_token:.3f}",
            "" if row.way == MHA else signed(row.more_nats),
            f"{row.nats_per_note:.3f}",
            f"{row.nmsi:.2f}",
            "" if row.way == MHA else signed(row.more_nmsi),
        ]
        for row in rows
    ]
    groups = [
        [f"`{r.way}`", *(signed(r.more_nats_by_group[name]) for name in GROUP_NAMES)] for r in rows if r.way != MHA
    ]
    sets = [[f"`{row.way}`", *(f"{row.means[name]:.3f}" for name in ("overlap", "stuck", *TONAL))] for row in rows]
    human = [f"{rows[0].means[f'{name}, human']:.3f}" for name in TONAL]
    floor = ", ".join(f"{name} {value:.2f}" for name, value in nmsi.items())
    return [
        f"## At {match}",
        table(head, body),
        f"{order(rows)} NMSI without any network: {floor}.",
        "Nats more than `mha`, in percent, by what is predicted:",
        table(["", *GROUP_NAMES], groups),
        "The continuations as a set, means; Overlap Area as a share of what humans reach among themselves:",
        table(["", "Overlap Area", "stuck", *TONAL], [*sets, ["human", "1", "", *human]]),
    ]


def own_step(rows: Sequence[Standing]) -> list[str]:
    """What sharing costs with another way of training; nothing until both tables have more than `mha`."""
    before, after = ({row.way: row for row in rows if row.match is match} for match in (Match.WIDTH, Match.OWN_STEP))
    both = [way for way in before if way in after]
    if MHA not in both or len(both) < 2:
        return []
    time = GROUP_NAMES[0]
    changes = "; ".join(
        f"`{way}` {before[way].more_nats.value:+.2f} % to {after[way].more_nats.value:+.2f} % (time "
        f"{before[way].more_nats_by_group[time].value:+.1f} to {after[way].more_nats_by_group[time].value:+.1f})"
        for way in both
        if way != MHA
    )
    itself = 100 * (after[MHA].nats_per_token / before[MHA].nats_per_token - 1)
    return [
        "## How much of the cost is training's",
        "Muon moves all rows of a matrix alike, and queries, keys and values are one matrix here: too little for keys "
        "and values that many heads share. In the second table they are moved once more by themselves, in `routed` by "
        "what its attribute groups' projections want in common: the same shapes, batches, seeds and decode steps. "
        f"Nats a token more than `{MHA}`, first table and second: {changes}. "
        f"`{MHA}` itself changes by {itself:+.2f} %.",
    ]


def order(rows: Sequence[Standing]) -> str:
    """From the best prediction to the worst, and who is told apart from `mha`."""
    best = sorted(rows, key=lambda row: row.nats_per_token)
    by_verdict: dict[str, list[str]] = {}
    for row in best:
        if row.way != MHA:
            by_verdict.setdefault(nats_verdict(row), []).append(f"`{row.way}`")
    sentences = [
        f"Best prediction first: {', '.join(f'`{row.way}`' for row in best)}.",
        *(f"By the intervals {', '.join(ways)}: {verdict}." for verdict, ways in by_verdict.items()),
    ]
    spread = next(row.spread for row in rows if row.way == MHA)
    return " ".join(
        [*sentences, *([f"Seeds of `{MHA}` itself differ by {spread:.3f} nats a token."] if spread else [])]
    )


def _speed(speed: Json) -> list[str]:
    """A table for each shape: times as fast as `mha` in the median round."""
    parts = []
    for shape in dict.fromkeys(row["shape"] for row in speed["rows"]):
        here = [row for row in speed["rows"] if row["shape"] == shape]
        ways = list(dict.fromkeys(row["way"] for row in here))
        places = dict.fromkeys((row["context"], row["sequences"]) for row in here)
        body = [["cache, bytes a token", *(f"{next(r['kv_bytes'] for r in here if r['way'] == w):,}" for w in ways)]]
        for place in places:
            at = {row["way"]: row for row in here if (row["context"], row["sequences"]) == place}
            cells = (f"{at[way]['times_as_fast']:.2f} ({at[way]['ms_p50']:.2f} ms)" for way in ways)
            body.append([f"{place[0]:,}, {place[1]} at once", *cells])
        parts += [f"Shape `{shape}`, {here[0]['engine']}, one thread:", table(["", *ways], body)]
    return [
        "A decode step, times as fast as `mha` beside it in the same rounds (milliseconds of a step). Random weights. "
        f"At least {min(row['rounds'] for row in speed['rows'])} rounds. {' '.join(speed['company'])} "
        "`partitioned` keeps all keys for rewinding, and reads a quarter.",
        *parts,
    ]


def _heads(heads: Mapping[str, Mapping[str, Array]]) -> list[str]:
    if len(heads) < 2:
        return ["## Do heads specialise?", "No pair of runs is complete yet."]
    sections = ["## Do heads specialise?", specialised(heads)]
    for way, each in heads.items():
        mass, lost = by_query_group(each["mass"][0]).mean(axis=0), each["lost"][0]
        body = [
            [name, *(f"{mass[i, j]:.2f}" for j in range(len(GROUP_NAMES))), *(f"{x:+.3f}" for x in lost[i])]
            for i, name in enumerate(names_of_heads(way))
        ]
        names = [*(f"looks at {name}" for name in GROUP_NAMES), *(f"without it, {name}" for name in GROUP_NAMES)]
        sections += [
            f"`{way}`, the first seed, mean over layers; without these heads, nats more a token:",
            table(["", *names], body),
        ]
    return [*sections, f"![what heads look at]({HEADS_PNG})"]


def specialised(heads: Mapping[str, Mapping[str, Array]]) -> str:
    """How much heads differ, and whether a group's own attribute suffers most without it."""
    bits = {
        way: float(np.mean([specialisation(torch.from_numpy(mass)).mean() for mass in each["mass"]]))
        for way, each in heads.items()
    }
    told = ", ".join(f"{value:.3f} in `{way}`" for way, value in bits.items())
    lost = heads[Sharing.GROUPED.value]["lost"].mean(axis=0)
    own = [name for i, name in enumerate(GROUP_NAMES) if lost[i].argmax() == i]
    return (
        f"What a head looks at tells its number by {told} (bits, of 2, mean over layers and seeds): the heads of "
        f"`{max(bits, key=lambda way: bits[way])}` differ more. In `grouped`, {len(own)} of {len(GROUP_NAMES)} groups "
        f"are missed most by the attribute they are named after{': ' * bool(own)}{', '.join(own)}. A group starts out "
        "minding its own attribute, so the first is in part how it was made."
    )


def _limits(plan: StudyPlan, rows: Sequence[Standing]) -> list[str]:
    """What is missing, and what it would take."""
    found = {(row.match, row.way): len(row.seeds) for row in rows}
    places = [(match, way) for match in plan.matches for way in plan.of(match)]
    missing = sum(plan.seeds - found.get(place, 0) for place in places)
    row = next((row for row in rows if (row.match, row.way) == (Match.WIDTH, HEADLINE)), None)
    lines = [
        f"- **Runs**: {missing} of {plan.seeds * len(places)} places in the tables are empty."
        + (" The same command goes on." if missing else ""),
        f"- **Size**: {plan.tokens:,} tokens a run; the paper's data are larger by orders of magnitude, and what "
        f"sharing costs may grow or vanish with training. A KV head holds {plan.shape.head_size} numbers here, "
        f"{preset('small').head_size} in `small`: the fewer there are, the more one head for all has to leave out. The "
        "paper's own figures cannot be repeated: neither its code nor its data nor the normaliser of its density are "
        "public.",
        f"- **Context**: quality is known up to {plan.shape.context} tokens, speed beyond; whether a group that sees a "
        "quarter of a long past loses by it is not asked here.",
        "- **Ears**: nobody has listened.",
    ]
    if row is not None:
        half = (row.more_nmsi.high - row.more_nmsi.low) / 2
        times = ceil((half / CLAIMED_LOSS) ** 2)
        lines.insert(
            1,
            f"- **A loss of {CLAIMED_LOSS:g} % of NMSI**: continuations of {row.trials} pieces by {plural(row.seeds)} "
            f"leave an interval of ±{half:.2f} %; ±{CLAIMED_LOSS:g} % takes about {times} times as many.",
        )
    return ["\n".join(lines)]
