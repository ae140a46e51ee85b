"""`tradefours train`: the model's training code behind a progress bar."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from model.checkpoint import INDEX, save_network
from model.networks.config import Sharing, preset
from model.registry import WEIGHTS, load
from model.training.corpus import Corpus, fingerprint, read_corpus
from model.training.trainer import BEST, Progress, Trainer, TrainingPlan
from model.training.validation import validation_crops
from music.errors import BadSetting

CACHE = Path("runs")
VALIDATION_PIECES = 50  # while training


def train_preset(
    name: str,
    minutes: float,
    archive: Path,
    folder: Path,
    *,
    sharing: str | None,
    length: int,
    threads: int | None,
    seed: int,
) -> None:
    """Train for `minutes` in all, or go on with the run in `folder` until it has had as many."""
    network = replace(preset(name), context=length)
    if sharing is not None:
        network = replace(network, sharing=_sharing(sharing))
    plan = TrainingPlan(network=network, minutes=minutes, length=length, seed=seed)
    corpus = open_corpus(archive)
    validation = validation_crops(corpus, length=length, most=VALIDATION_PIECES)
    trainer = Trainer(plan, corpus.split("train"), validation, folder, threads=threads)
    try:
        _run_with_bar(trainer, name)
    except KeyboardInterrupt:
        print(f"stopped after {trainer.progress.step} steps; the same command goes on from {folder}", file=sys.stderr)
        raise
    progress = trainer.progress
    print(f"{progress.tokens} tokens in {progress.step} steps, best validation NLL {progress.best:.3f} nats per token")


def _run_with_bar(trainer: Trainer, name: str) -> None:
    with tqdm(total=round(trainer.plan.minutes * 60), unit="s", desc=f"training {name}") as bar:

        def report(progress: Progress, loss: float, tokens_per_second: float) -> None:
            bar.update(round(progress.seconds) - bar.n)
            bar.set_postfix(
                tokens=progress.tokens, nll=f"{loss:.3f}", valid=f"{progress.best:.3f}", tok_s=round(tokens_per_second)
            )

        trainer.run(report)


def ship_weights(folder: Path, name: str) -> None:
    """The best weights of a run, in half precision, where the server looks for them."""
    best = folder / BEST
    network = load(best)
    about = json.loads((best / INDEX).read_text())["about"]
    save_network(network, WEIGHTS / name, about=about, bf16=True)
    print(f"{name} is in {WEIGHTS / name}")


def open_corpus(archive: Path) -> Corpus:
    """From the cache of an earlier run, else read once: minutes."""
    cache = cache_of(archive, "npz")
    with tqdm(desc="reading the corpus", unit=" pieces") as bar:
        corpus = read_corpus(archive, cache, bar.update)
    for reason, files in corpus.dropped.items():
        print(f"left out {files} files: {reason}")
    return corpus


def cache_of(archive: Path, ending: str) -> Path:
    """A name that changes when the archive does."""
    return CACHE / f"{archive.name.partition('.')[0]}-{fingerprint(archive)}.{ending}"


def _sharing(name: str) -> Sharing:
    try:
        return Sharing(name)
    except ValueError:
        raise BadSetting(f"expected a sharing of {', '.join(Sharing)}, got {name!r}") from None
