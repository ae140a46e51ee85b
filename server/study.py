"""`tradefours study NAME`: the papers' experiments. Knows of each only its name and its options."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from music.errors import BadSetting

study = typer.Typer(help="The papers' experiments, on networks trained for them.", no_args_is_help=True)
Corpus = Annotated[
    Path | None, typer.Option(envvar="TRADEFOURS_CORPUS", help="As for `train`; runs/open.corpus if not said.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer or smaller networks: 15 minutes on two idle cores.")]
Runs = Annotated[Path, typer.Option(help="Folder of the trained networks.")]
Out = Annotated[Path, typer.Option(help="Folder of the page.")]
Minutes = Annotated[
    float | None, typer.Option(min=0, help="Stop after so many; the same command goes on where it stopped.")
]
PAGES = Path("docs/studies")


@study.command()
def sharing(
    corpus: Corpus = None,
    quick: Quick = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Of each way; 3 if not said. More than before goes on where it was.")
    ] = None,
    runs: Runs = Path("runs/sharing"),
    out: Out = PAGES,
    minutes: Minutes = None,
) -> None:
    """Sharing keys and values by attribute: what it saves and costs (SAGE-Music). Hours; may be interrupted."""
    from benchmarks.study.sharing import study_sharing
    from server.train import required_corpus

    study_sharing(required_corpus(corpus), quick=quick, seeds=seeds, folder=runs, out=out, minutes=minutes)


@study.command()
def learning(
    corpus: Corpus = None,
    quick: Quick = False,
    runs: Runs = Path("runs/learning"),
    out: Out = PAGES,
    minutes: Minutes = None,
) -> None:
    """How soon each way of sharing learns, and learns to repeat what it heard. Hours, likewise."""
    from benchmarks.study.learning import study_learning
    from server.train import required_corpus

    study_learning(required_corpus(corpus), quick=quick, folder=runs, out=out, minutes=minutes)


@study.command()
def bpe(
    corpus: Corpus = None,
    quick: Quick = False,
    runs: Runs = Path("runs/bpe"),
    out: Out = PAGES,
    minutes: Minutes = None,
) -> None:
    """Byte-pair encoding of tokens: what it does to piano and to many instruments (SAGE-Music). Hours, likewise."""
    if find_spec("tokenizers") is None:
        raise BadSetting("expected the package `tokenizers` for this study, got none; the extra `study` brings it")
    from benchmarks.study.bpe import study_bpe
    from server.train import required_corpus

    study_bpe(required_corpus(corpus), quick=quick, folder=runs, out=out, minutes=minutes)


@study.command()
def perceivers(
    corpus: Corpus = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller networks.")] = False,
    runs: Runs = Path("runs/perceivers"),
    out: Out = PAGES,
    minutes: Minutes = None,
) -> None:
    """Solo piano: what effective segmentation and a second cross-attention add (PerceiverS). May be interrupted."""
    from benchmarks.study.ablation import study_perceivers
    from server.train import required_corpus

    study_perceivers(required_corpus(corpus), quick=quick, folder=runs, out=out, minutes=minutes)
