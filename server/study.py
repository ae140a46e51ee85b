"""`tradefours study NAME`: the papers' experiments. Knows of each only its name and its options."""

from pathlib import Path
from typing import Annotated

import typer

study = typer.Typer(help="The papers' experiments, on networks trained for them.", no_args_is_help=True)


@study.callback()
def _studies() -> None:
    """So that a single study has a name, too."""


@study.command()
def sharing(
    corpus: Annotated[
        Path | None,
        typer.Option(envvar="TRADEFOURS_CORPUS", help="As for `train`; runs/open.corpus if not said."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller and fewer networks: 15 minutes on two cores.")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Of each way; 3 if not said. More than before goes on where it was.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the trained networks.")] = Path("runs/sharing"),
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("docs/studies"),
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after so many; the same command goes on where it stopped.")
    ] = None,
) -> None:
    """Sharing keys and values by attribute: what it saves and costs (SAGE-Music). Hours; may be interrupted."""
    from benchmarks.study.sharing import study_sharing
    from server.train import required_corpus

    study_sharing(required_corpus(corpus), quick=quick, seeds=seeds, folder=runs, out=out, minutes=minutes)
