"""An evaluation as Markdown: tables with intervals, every machine's figure beside the human's."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan

from model.evaluation.evaluate import Evaluation, Table
from model.evaluation.prediction import FIVE_GRAM, NETWORK
from model.evaluation.references import MACHINE, OTHER_PIECE, PROMPT_REPEATED, LikenessReport
from model.evaluation.sets import SetCloseness, SetReport
from model.evaluation.trials import ANSWER_BARS, PROMPT_BARS
from model.training.validation import Nll

SHEET, PLOTS = "contact-sheet.png", "figures.png"


def markdown(evaluation: Evaluation, *, name: str, seed: int, backend: str, command: str) -> str:
    """`command` is what makes this report again."""
    continuations, sources = evaluation.continuations, [t.source for t in evaluation.continuations.trials]
    mix = ", ".join(f"{source} {sources.count(source)}" for source in sorted(set(sources)))
    sections = [
        f"# Evaluation of `{name}`",
        f"`{command}`, engine: {backend}, seed {seed}. Brackets hold 95 % bootstrap intervals over pieces. "
        "What each figure means, and what a human makes of it: [README.md](README.md).",
        f"![figures]({PLOTS})",
        "## Prediction",
        "Nats; every player is given the same tokens. The 5-gram and the unigram have read the whole training split.",
        *(_prediction(split, players) for split, players in evaluation.prediction.items()),
        "## Continuation",
        f"{len(continuations.trials)} pieces of the {evaluation.split} split, one prompt of {PROMPT_BARS} bars each, "
        f"{ANSWER_BARS} bars written. By source: {mix}.",
        _likeness(evaluation.likeness),
        _verdict(evaluation.likeness),
        "## The set as a whole",
        sets_table(evaluation.sets) if evaluation.sets is not None else "Too few pieces for sets.",
        beside(evaluation.tonal),
        "## Health",
        "Shares, counts and ratios, mean over pieces; real music has some of each.",
        beside(evaluation.health),
        "## Accompaniment",
        f"{len(evaluation.accompaniments.trials)} pieces: after a prompt of all parts only the melody is given, and "
        "the machine plays the rest without knowing what comes next. Leaning: as players are accompanied, to the key "
        "and the chords that go with the melody, of which the half bar is known.",
        beside(evaluation.accompaniment),
        "## Answers",
        f"{len(evaluation.answers.trials)} phrases of {PROMPT_BARS} bars by one player; a second one answers.",
        beside(evaluation.answer),
        "## Contact sheet",
        "The human's prompt thin and blue, the machine's bars thick and amber behind the line. Drums lie below.",
        f"![contact sheet]({SHEET})",
    ]
    return "\n\n".join(sections) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _prediction(split: str, players: Mapping[str, Nll]) -> str:
    network, ngram = players[NETWORK], players[FIVE_GRAM]
    names = ["per note", "per token", *network.by_attribute]
    by_player = {who: [nll.per_note, nll.per_token, *nll.by_attribute.values()] for who, nll in players.items()}
    rows = [
        [name, *(f"{values[i]:.3f}" for values in by_player.values()), f"{_lower(by_player, i):.1%}"]
        for i, name in enumerate(names)
    ]
    about = f"Split `{split}`: {network.tokens} tokens, {network.notes} notes."
    lower = 1 - network.per_note / ngram.per_note
    return f"{about}\n\n{table(['', *players, 'below the 5-gram'], rows)}\n\n{lower:.1%} below the 5-gram per note."


def _lower(by_player: Mapping[str, Sequence[float]], i: int) -> float:
    return 1 - by_player[NETWORK][i] / by_player[FIVE_GRAM][i]


def _likeness(reports: Mapping[str, LikenessReport]) -> str:
    names = list(next(iter(reports.values())).figures)
    rows = [[who, str(report.trials), *map(str, report.figures.values())] for who, report in reports.items()]
    return table(["against the true continuation", "pieces", *("NMSI" if n == "nmsi" else n for n in names)], rows)


def _verdict(reports: Mapping[str, LikenessReport]) -> str:
    def relation(rival: str) -> str:
        ours, theirs = reports[MACHINE].figures["nmsi"], reports[rival].figures["nmsi"]
        return "above" if ours.above(theirs) else "below" if theirs.above(ours) else "not told apart from"

    return f"The machine is {relation(OTHER_PIECE)} the floor and {relation(PROMPT_REPEATED)} the repeated prompt."


def sets_table(report: SetReport) -> str:
    def row(name: str, machine: SetCloseness, human: SetCloseness) -> list[str]:
        return [name, *_closeness(machine), *_closeness(human)]

    head = ["measure", "Overlap Area", "KLD", "KLD, mgeval", "human: Overlap Area", "KLD", "KLD, mgeval"]
    rows = [row(name, each, report.human[name]) for name, each in report.machine.items()]
    rows.append(row("mean", report.machine_mean, report.human_mean))
    share = f"The machine reaches {report.share.value:.1%} of the human Overlap Area"
    return f"{table(head, rows)}\n\n{share} ({report.share.low:.1%} to {report.share.high:.1%})."


def _closeness(closeness: SetCloseness) -> list[str]:
    divergences = (closeness.kld.value, closeness.kld_legacy.value)
    return [str(closeness.overlap_area), *("none" if isnan(each) else f"{each:.3f}" for each in divergences)]


def beside(figures: Table) -> str:
    """A row for each figure, a column for each player."""
    names = list(next(iter(figures.values())))
    rows = [[name.replace("_", " "), *(str(each[name]) for each in figures.values())] for name in names]
    return table(["", *figures], rows)
