"""`tradefours benchmark-suite`: SAGE-Music's task, four bars to go on from, as a benchmark that anybody can enter.

Knows of prompts, entries and figures only which files they are.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from music.errors import BadSetting, TradefoursError
from server.progress import bar

if TYPE_CHECKING:
    from model.evaluation.suite.prompts import Prompt, PromptSet
    from model.evaluation.suite.results import Results, Speed

SPEED: Final = "speed.json"  # in an entry's folder, if it tells its speed
RESULTS: Final = "results"
NAME: Final = re.compile(r"\w[\w .+-]{0,79}")  # of a file and in a table
NICE: Final = 10  # whoever plays here meanwhile goes first

suite = typer.Typer(help="Four bars to go on from: a benchmark that anybody can enter.", no_args_is_help=True)

Archive = Annotated[
    Path | None,
    typer.Option("--corpus", envvar="TRADEFOURS_CORPUS", help="The archive of open MIDI (.tar.xz), or its folder."),
]
Quick = Annotated[bool, typer.Option("--quick", help="The first 48 prompts alone: within five minutes on two cores.")]
Out = Annotated[Path, typer.Option(help="Folder to write to; made where it is not there.")]
Model = Annotated[str, typer.Option(help="Name of the network, or its folder.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same music.")]
WithPrompt = Annotated[
    bool, typer.Option("--with-prompt", help="The files begin with the prompt's four bars, which are not scored.")
]


@suite.command()
def prompts(out: Out, corpus: Archive = None, quick: Quick = False) -> None:
    """Write the prompts as MIDI files, for another model to go on from."""
    _write_prompts(out, *_read(corpus, quick))


@suite.command()
def run(out: Out, model: Model = "small", corpus: Archive = None, quick: Quick = False, seed: Seed = 0) -> None:
    """Write a network's continuations, and how fast it was."""
    _run(out, _read(corpus, quick)[0], model, seed)


@suite.command()
def baselines(out: Out, corpus: Archive = None, quick: Quick = False) -> None:
    """Write the truth, the prompt repeated, another piece, random order and silence: a folder of files each."""
    _write_baselines(out, _read(corpus, quick)[0])


@suite.command()
def score(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Continuations, named after the prompts.")],
    name: Annotated[str | None, typer.Option(help="Name of the entry; its folder's if not said.")] = None,
    out: Out = Path("runs/benchmark-suite/results"),
    corpus: Archive = None,
    quick: Quick = False,
    with_prompt: WithPrompt = False,
) -> None:
    """Score folders of continuations: a results file of each."""
    if name is not None and len(folders) > 1:
        raise BadSetting(f"expected --name with one folder, got {len(folders)}")
    named = [(name or folder.resolve().name, folder) for folder in folders]
    for each, _ in named:
        if not NAME.fullmatch(each):
            raise BadSetting(f"expected --name of letters, digits, spaces and .+-_, got {each!r}")
    found, chosen = _read(corpus, quick)
    _score(out, named, found, chosen, quick=quick, with_prompt=with_prompt)


@suite.command()
def table(
    folder: Annotated[Path, typer.Argument(help="Folder of results files.")],
    out: Annotated[Path | None, typer.Option(help="Write it to this Markdown file.")] = None,
) -> None:
    """Results side by side, as Markdown."""
    _write_table(folder, out)


@suite.command("all")
def everything(out: Out, model: Model = "small", corpus: Archive = None, quick: Quick = False, seed: Seed = 0) -> None:
    """All of it: prompts, baselines and a network's continuations, scored, in one table."""
    found, chosen = _read(corpus, quick)
    _write_prompts(out / "prompts", found, chosen)
    folders = [*_write_baselines(out / "entries", found), out / "entries" / Path(model).name]
    _run(folders[-1], found, model, seed)
    named = [(folder.name, folder) for folder in folders]
    _score(out / RESULTS, named, found, chosen, quick=quick, with_prompt=False)
    _write_table(out / RESULTS, out / "table.md")


@suite.command(hidden=True)
def choose(
    built: Annotated[Path, typer.Argument(help="The built corpus, which says what is held out.")],
    out: Annotated[Path, typer.Option(help="The set's file.")],
    corpus: Archive = None,
    split: Annotated[str, typer.Option(help="Of whose pieces.")] = "test",
) -> None:
    """Choose the prompts, as those of the set in the repository were chosen."""
    from model.evaluation.suite.choice import choose as choose_prompts
    from model.training.shards import load_corpus

    out.write_text(choose_prompts(_archive(corpus), load_corpus(built), split))


def _read(corpus: Path | None, quick: bool) -> tuple[list["Prompt"], "PromptSet"]:
    from model.evaluation.suite.prompts import prompt_set, read_prompts

    whole = prompt_set()
    chosen = whole.quick() if quick else whole
    archive = _archive(corpus)
    return read_prompts(archive, chosen, bar("reading the prompts", len(chosen.places))), chosen


def _archive(corpus: Path | None) -> Path:
    if corpus is None or corpus.suffix == ".corpus" or not corpus.exists():
        raise BadSetting(
            "expected the archive of MIDI that the prompts are from (open.tar.xz): say --corpus or set "
            f"TRADEFOURS_CORPUS, got {corpus or 'none'}"
        )
    return corpus


def _write_prompts(out: Path, found: Sequence["Prompt"], chosen: "PromptSet") -> None:
    from model.evaluation.suite.entries import write_entry

    write_entry(out, found, [prompt.prompt for prompt in found])
    licences = sorted({chosen.pieces[prompt.place.path]["licence"] for prompt in found})
    print(f"{len(found)} prompts are in {out}; licences of their pieces: {', '.join(licences)}")


def _run(out: Path, found: Sequence["Prompt"], model: str, seed: int) -> None:
    from model.engine.backends import make_engine
    from model.evaluation.suite.entries import write_entry
    from model.evaluation.suite.writing import measure_speed, write_continuations
    from model.registry import load
    from server.processor import processor_name

    engine = make_engine(load(model), max_sequences=16)
    busy = f", load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    speed = measure_speed(engine, found, seed, f"{engine.backend} on {processor_name()}{busy}")
    if hasattr(os, "nice"):
        os.nice(NICE)
    write_entry(out, found, write_continuations(engine, found, seed, bar(f"{model} plays", len(found))))
    (out / SPEED).write_text(speed.model_dump_json(indent=1) + "\n")
    print(f"{len(found)} continuations are in {out}; {speed.notes_per_s:.0f} notes/s one at a time")


def _write_baselines(out: Path, found: Sequence["Prompt"]) -> list[Path]:
    from model.evaluation.suite.baselines import BASELINES
    from model.evaluation.suite.entries import write_entry

    for name, play in BASELINES.items():
        write_entry(out / name, found, play(found))
    print(f"{', '.join(BASELINES)} are in {out}")
    return [out / name for name in BASELINES]


def _score(
    out: Path,
    named: Sequence[tuple[str, Path]],
    found: Sequence["Prompt"],
    chosen: "PromptSet",
    *,
    quick: bool,
    with_prompt: bool,
) -> None:
    from model.evaluation.suite.entries import read_entry
    from model.evaluation.suite.scoring import score as score_entry

    out.mkdir(parents=True, exist_ok=True)
    for name, folder in named:
        entry, speed = read_entry(folder, found, with_prompt=with_prompt), _speed(folder)
        results = score_entry(name, entry, found, chosen, quick=quick, speed=speed)
        (out / f"{name}.json").write_text(results.model_dump_json(indent=1) + "\n")
        print(_summary(results))


def _summary(results: "Results") -> str:
    files, nmsi = results.files, results.figures["all"]["nmsi"]
    counts = {
        "missing": len(files.missing), "broken": len(files.broken), "empty": len(files.empty), "short": len(files.short)
    }  # fmt: skip
    amiss = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    lines = [f"{results.name}: NMSI {nmsi.value:.1f} ({nmsi.low:.1f} to {nmsi.high:.1f}); files: {amiss or 'all well'}"]
    return "\n".join([*lines, *(f"  {name}: {why}" for name, why in list(files.broken.items())[:5])])


def _speed(folder: Path) -> "Speed | None":
    from model.evaluation.suite.results import read_speed

    file = folder / SPEED
    return read_speed(file.read_text(errors="replace"), file) if file.exists() else None


def _write_table(folder: Path, out: Path | None) -> None:
    from model.evaluation.suite.results import read_results
    from model.evaluation.suite.table import markdown

    if not folder.is_dir():
        raise TradefoursError(f"expected a folder of results, got {folder}, which is none")
    text = markdown([read_results(file.read_text(errors="replace"), file) for file in sorted(folder.glob("*.json"))])
    print(text)
    if out is not None:
        out.write_text(f"# Benchmark suite\n\n{text}")
