"""`tradefours listening-test`: blind pairs for people to judge, and what their answers say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from music.errors import BadSetting, TradefoursError
from server.outputs import check_output
from server.progress import bar

if TYPE_CHECKING:
    from model.evaluation.preference import Preference
    from server.listening_kit import Key

QUESTION: Final = "Which one do you prefer?"
QUESTION_AFTER: Final = "Which one goes on better from the beginning?"

listening = typer.Typer(help="Blind pairs for people to judge.", no_args_is_help=True)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(_Strict):
    pair: str
    question: str
    clips: tuple[str, str] = Field(description="As they were called: 1 and 2.")
    better: str | None = Field(description="The clip; null: no difference that matters.")


class Result(_Strict):
    """Of one listener."""

    format: Literal["tradefours listening-test result 1"]
    test: str
    seed: int
    answers: tuple[Answer, ...]


@listening.command()
def build(
    a: Annotated[Path, typer.Option(help="Folder of MIDI files.")],
    b: Annotated[Path, typer.Option(help="Folder of MIDI files of the same names.")],
    out: Annotated[Path, typer.Option(help="Folder of the test; its key is written beside it.")],
    x: Annotated[Path | None, typer.Option(help="Folder of what both go on from: heard before each.")] = None,
    pairs: Annotated[int | None, typer.Option(min=1, help="So many, drawn by the seed; all if not said.")] = None,
    question: Annotated[list[str] | None, typer.Option(help="Asked of each pair; several if you like.")] = None,
    title: Annotated[str, typer.Option(help="Of the page.")] = "Listening test",
    seed: Annotated[int, typer.Option(help="Which pairs are drawn.")] = 0,
) -> None:
    """Make a page that works from its folder alone: blind pairs, equally loud, for each listener in another order."""
    from server.listening_kit import Source, draw, key_path
    from server.listening_kit import build as build_kit

    source = Source(a, b, x)
    names = draw(source.names(), pairs, seed)
    questions = question or [QUESTION_AFTER if x else QUESTION]
    if len(set(questions)) < len(questions):
        raise BadSetting("expected questions that differ, got one twice")
    build_kit(source, out, title, questions, names, bar("pairs", len(names)))
    print(f"{len(names)} pairs: open {out / 'index.html'}, or send the folder; keep {key_path(out)} to yourself")


@listening.command()
def rates(
    files: Annotated[list[Path], typer.Argument(metavar="RESULT...", help="What listeners have saved.")],
    key: Annotated[Path, typer.Option(help="The test's key.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file, too.")] = None,
) -> None:
    """How often each was preferred, how sure that is, and how far listeners agree."""
    from server.listening_kit import read_key

    check_output(json_file)
    known = read_key(key)
    results = [_read(file, known) for file in files]
    if len({result.seed for result in results}) < len(results):
        raise BadSetting("expected a result of each listener, got one of them twice")
    chosen = [
        (result.seed, answer.pair, answer.question, None if answer.better is None else known.clips[answer.better])
        for result in results
        for answer in result.answers
    ]
    _report(known, chosen, len(results), json_file)


Choice = tuple[int, str, str, str | None]  # listener, pair, question, "a" or "b"


def _report(key: "Key", chosen: Sequence[Choice], listeners: int, json_file: Path | None) -> None:
    from model.evaluation.preference import Preference, agreement
    from model.evaluation.report import table

    asked = {name: [each for each in chosen if each[2] == name] for name in key.questions}
    groups = asked if len(asked) == 1 else {**asked, "all": list(chosen)}
    found = {name: Preference.of(each[3] for each in rows) for name, rows in groups.items()}
    alike = {
        name: agreement([(row[1:3], row[0], row[3] or "neither") for row in rows]) for name, rows in groups.items()
    }
    head = ["question", key.a, key.b, "neither", f"prefer {key.a}", "p", "listeners agree", "alpha"]
    rows = [[name, *_cells(found[name]), *map(_share, alike[name])] for name in groups]
    print(f"{listeners} listeners, {len({each[1] for each in chosen})} pairs\n\n{table(head, rows)}")
    if json_file is not None:
        figures = {
            name: {
                "a": each.a, "b": each.b, "neither": each.neither, "rate": each.rate.value, "low": each.rate.low,
                "high": each.rate.high, "p": each.p, "agreement": alike[name][0], "alpha": alike[name][1],
            }
            for name, each in found.items()
        }  # fmt: skip
        known = {name: {k: v for k, v in each.items() if v == v} for name, each in figures.items()}
        text = json.dumps({"a": key.a, "b": key.b, "listeners": listeners, "questions": known}, indent=1)
        json_file.write_text(text + "\n")


def _cells(each: "Preference") -> list[str]:
    return [str(each.a), str(each.b), str(each.neither), str(each.rate), f"{each.p:.3g}"]


def _share(value: float) -> str:
    return "none" if value != value else f"{value:.2f}"


def _read(file: Path, key: "Key") -> Result:
    try:
        result = Result.model_validate_json(file.read_text(errors="replace"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise TradefoursError(f"expected a listener's result at {file}, got: {first['msg'].lower()}") from None
    if result.test != key.test:
        raise TradefoursError(f"expected results of the test {key.test}, got one of {result.test} in {file}")
    asked = [(answer.pair, answer.question) for answer in result.answers]
    if len(set(asked)) < len(asked) or not all(_fits(answer, key) for answer in result.answers):
        raise TradefoursError(f"expected one answer to each question of the test, got others in {file}")
    return result


def _fits(answer: Answer, key: "Key") -> bool:
    is_asked = answer.pair in key.files and answer.question in key.questions
    return is_asked and set(answer.clips) <= set(key.clips) and answer.better in (None, *answer.clips)
