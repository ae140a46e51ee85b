"""`tradefours evaluate`: one report on a network, with pictures, figures as JSON, and MIDI to listen to."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from model.evaluation.contact_sheet import Cell, draw_contact_sheet
from model.evaluation.evaluate import FULL, QUICK, Evaluation, Played, evaluate
from model.evaluation.figures import flat
from model.evaluation.long_piece import draw_long_pieces
from model.evaluation.passage import Passage
from model.evaluation.performances import FULL as SOLO_FULL
from model.evaluation.performances import QUICK as SOLO_QUICK
from model.evaluation.performances import Extent, evaluate_solo
from model.evaluation.plots import draw_figures
from model.evaluation.prediction import Rivals, corpus_tokens
from model.evaluation.report import PLOTS, SHEET, markdown
from model.evaluation.rolls import draw_rolls
from model.evaluation.solo_report import LONG_FILE, ROLLS_FILE, solo_figures, solo_markdown
from model.generate import Shape
from model.networks.perceiver import Perceiver
from model.registry import load_any
from model.training.corpus import Corpus
from music.errors import BadSetting
from music.files import save_midi
from music.score import Note, Score
from server.engine_choice import load_engine
from server.outputs import check_output
from server.progress import bar
from server.serve import LoadedEngine
from server.settings import Settings
from server.shaping import shape_of
from server.synth import can_render, render
from server.train import CACHE, open_corpus
from streaming.generations import GenerationOptions

SHOWN = 16  # continuations on the contact sheet: the first ones, whatever they are
HEARD = 8  # accompaniments, and answers, as MIDI beside those; of solo piano, pieces
ROLLS = 4  # pieces of solo piano in the picture, and as many humans


def evaluate_model(
    settings: Settings,
    archive: Path,
    *,
    quick: bool,
    out: Path | None,
    json_file: Path | None,
    seed: int,
    samples: int | None = None,
    tokens: int | None = None,
) -> None:
    """`out` is made where it is not there; without it the report goes to runs/evaluation/NAME.

    `samples` and `tokens` are of solo piano: so many pieces, so long.
    """
    check_output(json_file)
    name = Path(settings.model).name
    folder = out or CACHE / "evaluation" / name
    # An accompaniment holds a second sequence for a moment, so the engine has one to spare.
    loaded = load_engine(settings.model_copy(update={"max_sessions": 16}))
    network, corpus = load_any(settings.model), open_corpus(archive)
    if isinstance(network, Perceiver):
        extent = SOLO_QUICK if quick else SOLO_FULL
        said = {"samples": samples, "tokens": tokens}
        extent = replace(extent, **{option: value for option, value in said.items() if value is not None})
        _evaluate_pianist(network, loaded, corpus, extent, folder, json_file, seed)
        return
    if samples is not None or tokens is not None:
        raise BadSetting("expected --samples and --tokens with a network for solo piano only")
    rivals = _read_rivals(corpus.split("train"))
    found = evaluate(network, loaded.engine, corpus, rivals, QUICK if quick else FULL, seed, bar, leaning_to)
    folder.mkdir(parents=True, exist_ok=True)
    draw_figures(found, folder / PLOTS, title=name)
    draw_contact_sheet(_cells(found.continuations), folder / SHEET, title=f"{name}, seed {seed}")
    command = f"tradefours evaluate {name}{' --quick' if quick else ''}"
    text = markdown(found, name=name, seed=seed, backend=loaded.backend, command=command)
    (folder / "report.md").write_text(text)
    figures = json.dumps(flat(found), indent=1) + "\n"
    (folder / "figures.json").write_text(figures)
    if json_file is not None:
        json_file.write_text(figures)
    _save_music(found, folder / "listen")
    print(text)
    print(f"report, pictures and MIDI are in {folder}")


def leaning_to(prompt: Score, melody: Sequence[Note]) -> Shape:
    """As `accompany` over REST: to the key and the chords of a melody, which is the last part's."""
    machine = (1 << len(prompt.parts) - 1) - 1
    return shape_of(GenerationOptions(mode="accompany"), prompt, machine, 0, melody)


def _evaluate_pianist(
    network: Perceiver,
    loaded: LoadedEngine,
    corpus: Corpus,
    extent: Extent,
    folder: Path,
    json_file: Path | None,
    seed: int,
) -> None:
    found = evaluate_solo(network, loaded.engine, corpus, extent, seed, bar)
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(loaded.model).name
    rolls = {"machine": found.machine[:ROLLS], "human": found.human[:ROLLS]}
    draw_rolls(rolls, folder / ROLLS_FILE, title=f"{name} from nothing, seed {seed}, beside held-out humans")
    draw_long_pieces(found.long, folder / LONG_FILE, title=f"{name} from nothing, seed {seed}, beside a held-out human")
    command = f"tradefours evaluate {name} --samples {extent.samples} --tokens {extent.tokens}"
    text = solo_markdown(found, name=name, seed=seed, backend=loaded.backend, command=command, extent=extent)
    (folder / "report.md").write_text(text)
    figures = json.dumps(solo_figures(found), indent=1) + "\n"
    for file in (folder / "figures.json", json_file):
        if file is not None:
            file.write_text(figures)
    listen = folder / "listen"
    listen.mkdir(exist_ok=True)
    for number, passage in enumerate(found.machine[:HEARD], 1):
        save_midi(passage.score(), listen / f"sample-{number:02}.mid")
    save_midi(found.long["machine"].score(), listen / "long-piece.mid")
    print(text)
    print(f"report, pictures and MIDI are in {folder}")


def _read_rivals(train: Corpus) -> Rivals:
    with tqdm(total=len(train.pieces), desc="tokens for the 5-gram", unit=" pieces") as bar:
        return Rivals.reading(corpus_tokens(train, bar.update))


def _cells(played: Played) -> list[Cell]:
    shown = zip(played.trials[:SHOWN], played.machine[:SHOWN], strict=True)
    return [Cell(f"{i}: {trial.source}", trial.prompt, machine) for i, (trial, machine) in enumerate(shown, 1)]


def _save_music(found: Evaluation, folder: Path) -> None:
    """What can be heard: prompt and machine one after the other; an accompaniment together with its melody."""
    folder.mkdir(exist_ok=True)
    heard: dict[str, Passage] = {}
    kinds = (("continuation", found.continuations, SHOWN), ("accompaniment", found.accompaniments, HEARD))
    for kind, played, most in (*kinds, ("answer", found.answers, HEARD)):
        for i, (trial, machine) in enumerate(list(zip(played.trials, played.machine, strict=True))[:most], 1):
            given = trial.truth.parts([len(trial.truth.programs) - 1] if kind == "accompaniment" else [])
            heard[f"{kind}-{i:02}-{trial.source}"] = trial.prompt.then(machine.joined(given))
    for name, passage in tqdm(heard.items(), desc="music to listen to"):
        midi = folder / f"{name}.mid"
        save_midi(passage.score(), midi)
        if can_render():
            render(midi, midi.with_suffix(".wav"))
