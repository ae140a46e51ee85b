"""The study of byte-pair encoding as a page: its answer first. What depends on figures is made from them."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, isnan
from typing import Final

from benchmarks.study.merging.compare import Standing, Trend
from benchmarks.study.merging.music import CHORDS, Music
from benchmarks.study.merging.plan import PLAIN, MergingPlan, Way
from benchmarks.study.merging.playing import ERRORS, ORDER, STRUCTURE, TIMING
from benchmarks.study.merging.words import Scope
from benchmarks.study.phrases import doubt, fact_table, for_these, plural, signed
from model.evaluation.intervals import Interval
from model.evaluation.play import AT_ONCE
from model.evaluation.report import table

PNG = "bpe.png"
CLAIMED: Final = {Music.PIANO: 1, Music.BAND: -1}  # the paper's direction of NMSI with the vocabulary
CLAIMED_MERGES, CLAIMED_LOSS = 2000, 8.4  # percent of NMSI, multi-track
MEANING: Final = {1: "rises", -1: "falls", 0: "neither clearly rises nor falls"}
OFTEN: Final = 6  # words shown


def page(plan: MergingPlan, rows: Sequence[Standing], trends: Sequence[Trend], facts: Mapping[str, str]) -> str:
    """Markdown. `rows` must hold no merges of some music; `facts` say where the figures are from."""
    shape = plan.shape
    sections = [
        "# What does byte-pair encoding do to symbolic music?",
        answer(plan, rows, trends),
        fact_table(facts),
        f"Networks of {shape.layers} layers, width {shape.width}, {shape.heads} heads of {shape.head_size}, full "
        f"attention (`mha`), a context of {shape.context} tokens' music. With one seed all learn from the same "
        f"passages in the same order, {plan.steps} steps of {plan.batch}: {plan.tokens:,} tokens before merging, so as "
        "many notes in every step; what merging saves is not spent on more music. Nothing is transposed, for any of "
        f"them. Merges are learned from {plan.read:,} passages of the training split. `{Music.PIANO}`: pieces for "
        f"pianos only whose players together strike chords in {CHORDS:.0%} of their onsets or more, all hands joined "
        f"into one part. `{Music.BAND}`: pieces for two different instruments or more. Brackets hold 95 % bootstrap "
        "intervals over pieces and seeds, paired with no merges. The weights are those after the last step.",
        f"![NMSI and nats a note by merges]({PNG})",
    ]
    for music in Music:
        sections += _quality(plan, [row for row in rows if row.music is music], music)
    sections += ["## Why", *_why(rows)]
    sections += ["## What this could not show", _limits(plan, rows)]
    return "\n\n".join(sections) + "\n"


def answer(plan: MergingPlan, rows: Sequence[Standing], trends: Sequence[Trend]) -> str:
    """What the paper says, what we found, how sure we are: three sentences."""
    paper = (
        "SAGE-Music (arXiv 2510.00395) says that byte-pair encoding helps piano, where NMSI rises with the vocabulary, "
        f"and hurts multi-track music, where NMSI falls monotonically and {CLAIMED_MERGES:,} merges cost "
        f"{CLAIMED_LOSS} %."
    )
    if not trends:
        return f"{paper} No two vocabularies of a kind of music are complete yet, so we have found nothing."
    found = "; ".join(_finding(trend, [row for row in rows if row.music is trend.music]) for trend in trends)
    return f"{paper} We found, for words that reach {Scope.EVERYTHING}: {found}. {_sureness(plan, rows)}"


def _finding(trend: Trend, rows: Sequence[Standing]) -> str:
    largest = max((row for row in rows if row.way.scope is Scope.EVERYTHING), key=lambda row: row.way.merges)
    claimed = next((row for row in rows if row.way == Way(CLAIMED_MERGES)), None)
    at = f", {signed(claimed.more_nmsi)} % at {CLAIMED_MERGES:,} merges" if claimed else ""
    return (
        f"on {trend.music} NMSI {MEANING[trend.direction]} from 0 to {trend.merges[-1]:,} merges "
        f"({signed(trend.step)} points with each larger vocabulary{', monotonically' * trend.is_monotone}{at}), which "
        f"{verdict(trend)}, and {largest.way.merges:,} merges change nats a note by {signed(largest.more_nats)} %"
    )


def verdict(trend: Trend) -> str:
    """Beside the paper's direction."""
    if trend.direction == 0:
        return "neither repeats nor refutes the paper"
    agrees = trend.direction == CLAIMED[trend.music]
    return ("repeats the paper's direction" if agrees else "contradicts the paper") + for_these(trend.seeds)


def _sureness(plan: MergingPlan, rows: Sequence[Standing]) -> str:
    seeds = min((row.seeds for row in rows), key=len)
    pieces = " and ".join(f"{row.pieces} pieces of {row.music}" for row in rows if row.way == PLAIN)
    sizes = [row.parameters / 1e6 for row in rows]
    return (
        f"How sure: {plural(seeds)} of every way or more ({doubt(len(seeds))}), {pieces} held out for prediction and "
        f"{min(row.trials for row in rows)} or more of each continued, and networks of {min(sizes):.2f} to "
        f"{max(sizes):.2f} million parameters after {plan.tokens / 1e6:.2f} million tokens{_beginners(rows)}."
    )


def _beginners(rows: Sequence[Standing]) -> str:
    """NMSI of networks that have hardly begun to learn tells how beginners differ."""
    plain = [row for row in rows if row.way == PLAIN and row.nmsi < row.references["other piece"]]
    less = " and ".join(f"{row.music} ({row.nmsi:.1f} against {row.references['other piece']:.1f})" for row in plain)
    return f", which without merges still continue less like the truth than another piece does: {less}" if less else ""


def _quality(plan: MergingPlan, rows: Sequence[Standing], music: Music) -> list[str]:
    title = f"## {music[0].upper()}{music[1:]}"
    if not rows:
        return [title, "No round is complete yet."]
    head = [
        "",
        "parameters",
        "seeds",
        "words a note",
        "words read, million",
        "nats a note",
        "more, %",
        "NMSI",
        "more, %",
    ]
    body = [
        [
            str(row.way),
            f"{row.parameters:,}",
            str(len(row.seeds)),
            f"{row.words_per_note:.2f}",
            f"{row.words_per_token * plan.tokens / 1e6:.2f}",
            f"{row.nats_per_note:.3f}",
            "" if row.way == PLAIN else signed(row.more_nats),
            f"{row.nmsi:.2f}",
            "" if row.way == PLAIN else signed(row.more_nmsi),
        ]
        for row in rows
    ]
    speed = [
        [
            str(row.way),
            *(f"{row.errors[kind]:.2f}" for kind in ERRORS),
            f"{row.played_notes:.0f}",
            f"{row.notes_per_second:.1f}",
            f"{row.times_as_fast:.2f}",
        ]
        for row in rows
    ]
    floor = ", ".join(f"{name} {value:.2f}" for name, value in rows[0].references.items() if not isnan(value))
    return [
        title,
        table(head, body),
        f"NMSI without any network: {floor}. Told apart from no merges: {_told(rows)}.",
        f"Continuations of {rows[0].trials} prompts of four bars. Words that the codec cannot read are counted, in "
        f"1,000 drawn, and drawn again among readable ones: {TIMING}, a moment that may not follow; "
        f"{ORDER}, a player or a pitch that may not follow in a chord; {STRUCTURE}, an attribute where another one "
        f"belongs. Speed: {AT_ONCE} side by side in the reference engine, unread, in notes for each second of a "
        "processor, once; other work on the machine lengthens it, and differently for each run:",
        table(["", *ERRORS, "notes a continuation", "notes a second", "times as fast"], speed),
    ]


def _told(rows: Sequence[Standing]) -> str:
    """What the intervals allow to be said."""
    merged = [row for row in rows if row.way != PLAIN]
    claims = [
        *_claims("nats a note", [(row, row.more_nats) for row in merged]),
        *_claims("NMSI", [(row, row.more_nmsi) for row in merged]),
    ]
    return "; ".join(claims) or "none"


def _claims(what: str, each: Iterable[tuple[Standing, Interval]]) -> list[str]:
    listed = list(each)
    higher = [str(row.way) for row, interval in listed if interval.low > 0]
    lower = [str(row.way) for row, interval in listed if interval.high < 0]
    return [f"{what} {way}: {', '.join(names)}" for way, names in (("higher", higher), ("lower", lower)) if names]


def _why(rows: Sequence[Standing]) -> list[str]:
    merged = [row for row in rows if row.way != PLAIN]
    if not merged:
        return ["No vocabulary with merges is complete yet."]
    head = [
        "",
        "merged words",
        "tokens in one",
        "longest",
        "cross notes",
        "cross onsets",
        "cross parts",
        "used held out",
    ]
    shares = ("crossing_notes", "crossing_onsets", "crossing_parts", "used")
    body = [
        [
            f"{row.music}, {row.way}",
            f"{row.anatomy['merged']:,}",
            f"{row.anatomy['mean_length']:.2f}",
            f"{row.anatomy['longest']}",
            *(f"{row.anatomy[share]:.1%}" for share in shares),
        ]
        for row in merged
    ]
    parts = [table(head, body), "The merged words that held-out music uses most:"]
    for music in Music:
        here = [row for row in merged if row.music is music and row.way.scope is Scope.EVERYTHING]
        if here:
            largest = max(here, key=lambda row: row.way.merges)
            often = [f"{text} ({count:,})" for text, count in largest.anatomy["often"][:OFTEN]]
            parts.append(f"- {music}, {largest.way}: {'; '.join(often)}")
    return ["\n\n".join(parts[:2]), "\n".join(parts[2:]), *_new_instruments(merged)]


def _new_instruments(merged: Sequence[Standing]) -> list[str]:
    """Whether words that were learned with some instruments suit others."""
    here = [row for row in merged if row.new_pieces]
    if not here:
        return []
    body = [[f"{row.music}, {row.way}", signed(row.more_nats_known), signed(row.more_nats_new)] for row in here]
    worse = [str(row.way) for row in here if row.more_nats_new.low > row.more_nats_known.high]
    told = f"is dearer there for {', '.join(worse)}" if worse else "is not told apart from the others'"
    return [
        "Nats a note more than without merges, in percent, on pieces for instruments that occur together in training "
        f"and on the {here[0].new_pieces} for others. What merging costs on those {told} (by intervals that do not "
        "overlap).",
        table(["", "known together", "new together"], body),
    ]


def _limits(plan: MergingPlan, rows: Sequence[Standing]) -> str:
    """What is missing, and what it would take."""
    places = plan.seeds * len(plan.ways) * len(Music)
    missing = places - sum(len(row.seeds) for row in rows)
    lines = [
        f"- **Runs**: {missing} of {places} places in the tables are empty."
        + (" The same command goes on." if missing else ""),
        f"- **Size**: {plan.tokens:,} tokens of music a run. A larger vocabulary sees each of its words less often, "
        "and what it costs here may vanish with more training; the paper's data are larger by orders of magnitude, and "
        "neither its code nor its data are public.",
        "- **Steps**: equal music, so a network with merges computes less; at equal computing it would read more.",
        "- **Nats**: of the one way of cutting that the merges give. Others spell the same music, and their share of "
        "the probability is not counted: with merges the figures are a little too high.",
        "- **Context**: as much music for all. That more music fits into as many words is not used.",
        "- **Ears**: nobody has listened.",
    ]
    row = next((row for row in rows if (row.music, row.way) == (Music.BAND, Way(CLAIMED_MERGES))), None)
    if row is not None:
        half = (row.more_nmsi.high - row.more_nmsi.low) / 2
        enough = ceil((2 * half / CLAIMED_LOSS) ** 2)
        needs = f"it takes about {enough} times as many" if enough > 1 else "they are enough"
        lines.insert(
            1,
            f"- **A loss of {CLAIMED_LOSS} % of NMSI**: continuations of {row.trials} pieces by {plural(row.seeds)} "
            f"leave an interval of ±{half:.2f} %; to be sure of a loss half as large {needs}.",
        )
    return "\n".join(lines)
