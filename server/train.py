"""`tradefours corpus build` and `train`: the model's training code behind progress bars."""

import json
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from model.checkpoint import INDEX, AnyConfig, AnyNetwork, load_any, save_network
from model.networks.config import PRESETS, NetworkConfig, Sharing
from model.networks.decoder import Decoder
from model.networks.perceiver import PRESETS as PERFORMERS
from model.networks.perceiver import Perceiver, PerceiverConfig
from model.registry import WEIGHTS, resolve
from model.training.continuing import Continuing
from model.training.corpus import SPLITS, Corpus
from model.training.lesson import Lesson
from model.training.performing import Performances, Performing
from model.training.segments import Segmentation
from model.training.shards import ENDING, build_file, built_path, corpus_table, read_corpus
from model.training.trainer import BEST, Progress, Trainer, TrainingPlan, usual_batch
from model.training.validation import validation_crops
from music.errors import BadSetting
from server.outputs import check_output

CACHE = Path("runs")
CORPUS = CACHE / f"open{ENDING}"  # where a built corpus lies if nobody says otherwise
PRESET = "small"
VALIDATION_PIECES = 50  # while training
VALIDATE_EVERY_MINUTES = 10.0  # or five times in a short run


def build_corpus_file(archives: list[Path], target: Path | None) -> None:
    if target is None:
        CACHE.mkdir(exist_ok=True)
    target = target or CORPUS
    check_output(target, ending=ENDING)
    with tqdm(desc="reading the archives", unit=" files") as bar:
        corpus = build_file(archives, target, bar.update)
    print(corpus_table(target))
    print(f"\n{corpus.dropped_table()}\n")
    print(f"{target}: {target.stat().st_size / 2**20:.1f} MiB")


def train_preset(
    name: str | None,
    minutes: float,
    corpus_path: Path,
    folder: Path,
    *,
    start: str | None,
    sharing: str | None,
    segmentation: str | None,
    length: int,
    batch: int | None,
    rates: float,
    threads: int | None,
    seed: int,
) -> None:
    """Train for `minutes` in all, or go on with the run in `folder` until it has had as many."""
    given = load_any(resolve(start)) if start is not None else None
    shape = _shape(name, given, sharing, length)
    plan = TrainingPlan(
        minutes=minutes,
        length=length,
        batch=batch or usual_batch(),
        weight_decay=0.05,
        rates=rates,
        validate_every_minutes=min(VALIDATE_EVERY_MINUTES, minutes / 5),
    )
    corpus = open_corpus(corpus_path)
    lesson: Lesson
    if isinstance(shape, PerceiverConfig):
        how = Segmentation.EVEN if segmentation is None else one_of(Segmentation, segmentation)
        begin = given if isinstance(given, Perceiver) else None
        lesson = Performing(shape, Performances.of(corpus), context=length, how=how, seed=seed, start=begin)
    elif segmentation is not None:
        raise BadSetting(f"expected --segmentation with one of {', '.join(PERFORMERS)} only")
    else:
        validation = validation_crops(corpus, length=length, most=VALIDATION_PIECES)
        player = given if isinstance(given, Decoder) else None
        lesson = Continuing(shape, corpus.split("train"), validation, seed=seed, start=player)
    trainer = Trainer(plan, lesson, folder, threads=threads)
    try:
        _run_with_bar(trainer)
    except KeyboardInterrupt:
        print(f"stopped after {trainer.progress.step} steps; the same command goes on from {folder}", file=sys.stderr)
        raise
    progress = trainer.progress
    print(f"{progress.tokens} tokens in {progress.step} steps, best validation NLL {progress.best:.3f} nats per token")
    print(f"curve: {folder / 'curve.png'}, best weights: {folder / BEST}")


def _shape(name: str | None, given: AnyNetwork | None, sharing: str | None, length: int) -> AnyConfig:
    """Of the preset, or of the weights that were given: both must be the same."""
    is_performer = isinstance(given, Perceiver) if name is None else name in PERFORMERS
    if is_performer and sharing is not None:
        raise BadSetting(f"expected --sharing with none of {', '.join(PERFORMERS)}, got {sharing!r}")
    shape = given.config if given is not None and name is None else _preset(name or PRESET)
    if isinstance(shape, NetworkConfig) and sharing is not None:
        shape = replace(shape, sharing=one_of(Sharing, sharing))
    shape = replace(shape, context=length)
    if given is not None and replace(given.config, context=length) != shape:
        raise BadSetting(f"expected the shape of the weights, without --preset and --sharing, got {shape}")
    return shape


def _preset(name: str) -> AnyConfig:
    known: dict[str, AnyConfig] = {**PRESETS, **PERFORMERS}
    if name not in known:
        raise BadSetting(f"expected a preset of {', '.join(known)}, got {name!r}")
    return known[name]


def _run_with_bar(trainer: Trainer) -> None:
    total, initial = round(trainer.plan.minutes * 60), round(trainer.progress.seconds)
    shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"  # of a budget in seconds
    with tqdm(total=total, initial=initial, bar_format=shape, desc=f"training {trainer.folder.name}") as bar:

        def report(progress: Progress, loss: float, tokens_per_second: float) -> None:
            bar.update(round(progress.seconds) - bar.n)
            bar.set_postfix(
                tokens=progress.tokens, nll=f"{loss:.3f}", valid=f"{progress.best:.3f}", tok_s=round(tokens_per_second)
            )

        trainer.run(report)


def ship_weights(folder: Path, name: str) -> None:
    """The best weights of a run, in half precision, where the server looks for them."""
    best = folder / BEST
    network = load_any(best)
    about = json.loads((best / INDEX).read_text())["about"]
    save_network(network, WEIGHTS / name, about=about, bf16=True)
    print(f"{name} is in {WEIGHTS / name}")


def required_corpus(named: Path | None) -> Path:
    """What was named, or what `tradefours corpus build` has left here."""
    if named is None and not CORPUS.exists():
        raise BadSetting(
            f"expected a corpus: say --corpus, set TRADEFOURS_CORPUS, or build {CORPUS} with `tradefours corpus build`"
        )
    return named or CORPUS


def open_corpus(path: Path) -> Corpus:
    """A built file, or an archive that is built once, in minutes, and kept beside the runs."""
    is_built = built_path(path, CACHE).exists()
    with tqdm(desc="reading the archive", unit=" files", disable=is_built) as bar:
        corpus = read_corpus(path, CACHE, bar.update)
    counts = ", ".join(f"{len(corpus.split(name).pieces)} {name}" for name in SPLITS)
    print(f"{counts} pieces; {len(corpus.dropped)} files left out")
    return corpus


Choice = TypeVar("Choice", bound=StrEnum)


def one_of(choices: type[Choice], name: str) -> Choice:
    try:
        return choices(name)
    except ValueError:
        raise BadSetting(f"expected one of {', '.join(choices)}, got {name!r}") from None
