"""The page says what its figures say, and no more."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.study.bpe import write_page
from benchmarks.study.merging.compare import standings, trends
from benchmarks.study.merging.music import Music
from benchmarks.study.merging.plan import PLAIN, Way
from benchmarks.study.merging.report import answer, verdict
from benchmarks.study.training import ABOUT
from tests.benchmarks.study.merging.made_music import PLAN, made_results

WAYS = {PLAIN: 0.0, Way(2000): 8.4, Way(5000): 12.0}
WHOLE = replace(PLAN, ways=tuple(WAYS), seeds=3)


def test_the_answer_is_three_sentences_of_paper_finding_and_doubt() -> None:
    found = made_results(WAYS)
    text = answer(WHOLE, standings(found), trends(found))
    assert "2,000 merges cost 8.4 %" in text
    assert "on multi-track NMSI falls from 0 to 5,000 merges" in text
    assert re.search(r"-8\.40 \(\S+ to \S+\) % at 2,000 merges\), which repeats the paper's direction", text)
    assert "5,000 merges change nats a note by +12.00 (" in text
    assert "3 seeds of every way or more (paired)" in text


@pytest.mark.parametrize(
    ("nmsi", "piano", "band"),
    [
        (-1.0, "contradicts the paper", "repeats the paper's direction"),
        (1.0, "repeats the paper's direction", "contradicts the paper"),
        (0.0, "neither repeats nor refutes the paper", "neither repeats nor refutes the paper"),
    ],
)
def test_the_verdict_is_about_the_papers_direction(nmsi: float, piano: str, band: str) -> None:
    found = dict(zip(Music, trends(made_results(WAYS, nmsi=nmsi)), strict=True))
    assert (verdict(found[Music.PIANO]), verdict(found[Music.BAND])) == (piano, band)


def test_few_seeds_and_networks_that_know_little_are_told() -> None:
    found = made_results(WAYS, seeds=1)
    for _, each in found:
        each["nmsi_other_piece"] = [90.0] * len(each["nmsi"])
    text = answer(WHOLE, standings(found), trends(found))
    assert "repeats the paper's direction for these seeds" in text
    assert "1 seed of every way or more (too few" in text
    assert re.search(r"less like the truth than another piece does: piano \([\d.]+ against 90.0\) and multi", text)


def test_of_one_vocabulary_nothing_is_found() -> None:
    found = made_results({PLAIN: 0.0})
    assert "nothing" in answer(PLAN, standings(found), trends(found))


def test_page_picture_and_figures_are_written_and_missing_runs_are_told(tmp_path: Path) -> None:
    found = made_results(WAYS, new=20.0)[:-1]
    for run, _ in found:
        (tmp_path / run.name).mkdir()
        (tmp_path / run.name / ABOUT).write_text('{"wall_s": 360}')
    out = tmp_path / "page"
    write_page(WHOLE, found, tmp_path, out, {"command": "`made`"})
    text = (out / "bpe.md").read_text()
    assert "| command | `made` |" in text
    assert "**Runs**: 1 of 18 places in the tables are empty. The same command goes on." in text
    assert "is dearer there for 2,000 merges across everything" in text
    assert (
        "NMSI without any network: prompt repeated 70.00. Told apart from no merges: nats a note higher: 2,000" in text
    )
    assert "pitch 60 + velocity 5 (17)" in text
    assert (out / "bpe.png").stat().st_size > 5000
    figures = json.loads((out / "bpe.json").read_text())
    assert [row["seeds"] for row in figures["rows"]][-1] == [0, 1]
    assert len(figures["trends"]) == 2


def test_a_page_of_the_first_run_alone_can_be_written(tmp_path: Path) -> None:
    found = made_results({PLAIN: 0.0}, seeds=1)[:1]
    (tmp_path / found[0][0].name).mkdir()
    (tmp_path / found[0][0].name / ABOUT).write_text('{"wall_s": 360}')
    write_page(WHOLE, found, tmp_path, tmp_path, {})
    assert "No round is complete yet." in (tmp_path / "bpe.md").read_text()
