"""One evaluation from end to end: the report, the figures and the pictures say the same, and leave nothing out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.engine.torch_engine import TorchEngine
from model.evaluation.contact_sheet import Cell, draw_contact_sheet
from model.evaluation.evaluate import Evaluation, Extent, evaluate
from model.evaluation.features import MEASURES
from model.evaluation.figures import flat, key
from model.evaluation.plots import draw_figures
from model.evaluation.prediction import Rivals
from model.evaluation.report import markdown
from model.networks.config import Sharing
from model.training.corpus import Corpus
from model.training.crops import whole_piece
from server.evaluate import leaning_to
from tests.model.evaluation.made_passages import beat, passage, together
from tests.model.random_networks import random_network
from tests.model.training.made_corpus import made_corpus

PROMISED = (
    *("nll_per_note", "nll_per_note_5gram", "nmsi", "nmsi_prompt_repeated", "nmsi_other_piece"),
    *("overlap_area", "overlap_area_real", "stuck_share", "runaway_share", "stuck_share_real"),
)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluated(Extent(crops=2, continuations=4, accompaniments=2, answers=2))


def evaluated(extent: Extent) -> Evaluation:
    made = made_corpus()
    # The longer ones held out, so that there are sets to compare.
    pieces = tuple(replace(piece, split="valid" if i >= 4 else "train") for i, piece in enumerate(made.pieces))
    corpus = Corpus(pieces, made.dropped)
    network = random_network(Sharing.ROUTED, context=512)
    engine = TorchEngine(network, threads=1, max_sequences=16)
    rivals = Rivals.reading(np.array([token for p in corpus.split("train").pieces for token in whole_piece(p)]))
    return evaluate(network, engine, corpus, rivals, extent, 0, lambda name, count: lambda: None, leaning_to)


def test_every_promised_figure_is_there_under_its_name(evaluation: Evaluation) -> None:
    figures = flat(evaluation)
    assert set(PROMISED) <= set(figures)
    assert all(np.isfinite(value) for value in figures.values())
    for name in ("nmsi", "overlap_area", "stuck_share"):
        assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"]
    for measure in MEASURES:
        assert f"overlap_area_{key(measure)}" in figures
    assert figures["nll_per_note"] > figures["nll_per_note_5gram"]
    assert {
        "accompaniment_drums_density_leaning",
        "accompaniment_drums_density_shuffled",
        "answer_in_scale_real",
        "groove_consistency_real",
    } <= set(figures)


def test_where_no_melody_is_accompanied_the_rest_is_told() -> None:
    found = evaluated(Extent(crops=1, continuations=1, accompaniments=0, answers=1))
    assert set(found.accompaniment) == {"machine", "machine, leaning", "real", "real, bars shuffled"}
    assert not any(name.startswith("accompaniment_") for name in flat(found))


def test_the_report_has_every_figure_of_the_tables(evaluation: Evaluation) -> None:
    text = markdown(evaluation, name="made", seed=3, backend="torch", command="tradefours evaluate made")
    for heading in ("Prediction", "Continuation", "Health", "Accompaniment", "Answers", "Contact sheet"):
        assert f"## {heading}" in text
    for name in (*MEASURES, "prompt repeated", "stuck", "melody in chords", "5-gram", "uniform", "seed 3"):
        assert name in text
    assert f"{flat(evaluation)['nll_per_note']:.3f}" in text
    assert "nan" not in text


def test_the_pictures_are_drawn(evaluation: Evaluation, tmp_path: Path) -> None:
    draw_figures(evaluation, tmp_path / "figures.png", title="made")
    band = together(passage((0, 60, 1), (2, 64, 2)), beat())
    draw_contact_sheet([Cell("one", band, band)] * 3, tmp_path / "sheet.png", title="made")
    for name in ("figures.png", "sheet.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_names_of_measures_become_keys() -> None:
    assert (key("PC/seg"), key("pitch class entropy, bits"), key("in_scale")) == (
        "pc_seg",
        "pitch_class_entropy",
        "in_scale",
    )
