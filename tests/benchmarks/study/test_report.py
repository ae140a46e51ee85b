"""The page says what its figures say, and no more."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.study.claims import loss_verdict, nats_verdict
from benchmarks.study.compare import standings
from benchmarks.study.plan import MHA, POOLED, Match
from benchmarks.study.report import answer, order, own_step
from benchmarks.study.rival import rival
from benchmarks.study.sharing import write_page
from benchmarks.study.training import ABOUT
from benchmarks.study.verdict import Live
from model.networks.config import Sharing
from tests.benchmarks.study.made_study import PLAN, made_results

WAYS = {"mha": 0.0, "grouped": -1.0, "routed": 0.2, "mqa": 3.0}
LIVE = Live(Sharing.ROUTED, 16, 10.0, has_own_step=False)
ROWS = standings(made_results(WAYS))


def made_speed(times: float = 2.0) -> dict[str, Any]:
    about = {
        "shape": "small",
        "engine": "made",
        "context": 16,
        "sequences": 1,
        "ms_p50": 1.0,
        "rounds": 5,
        "kv_bytes": 1000,
    }
    rows = [{**about, "way": way, "times_as_fast": 1.0 if way == MHA else times} for way in WAYS]
    note = {**about, "notes_per_s": 80.0, "bytes_per_note": 500}
    notes = [{**note, "way": way, "times_as_fast": 1.0 if way == MHA else 2 * times} for way in (*WAYS, POOLED)]
    return {"company": [], "date": "today", "rows": rows, "notes": {"company": [], "rows": notes}}


def test_the_answer_is_three_sentences_of_paper_finding_and_doubt() -> None:
    text = answer(PLAN, ROWS, made_speed())
    assert "about 30 % of the inference time and costs about 0.4 % of NMSI" in text
    assert "`routed` saves 50 to 50 % of the time, changes NMSI by -0.20" in text
    assert text.count("a loss of at most 0.4 % is shown") == 2
    assert "3 seeds of each way" in text
    assert "`grouped` saves 17 to 17 %" in answer(PLAN, ROWS, made_speed(1.2))


def test_without_a_reading_of_the_paper_nothing_is_found() -> None:
    assert "nothing" in answer(PLAN, standings(made_results({"mha": 0.0, "mqa": 1.0})), made_speed())


@pytest.mark.parametrize(
    ("percent", "noise", "seeds", "verdict", "loss"),
    [
        (0.3, 0.0, 3, "worse than `mha`", "shown"),
        (-0.3, 0.0, 3, "better than `mha`", "shown"),
        (3.0, 0.0, 3, "worse than `mha`", "refuted"),
        (3.0, 0.0, 1, "worse than `mha` for these seeds", "refuted for these seeds"),
        (0.0, 0.5, 3, "not told apart from `mha`", "shown"),
    ],
)
def test_a_verdict_is_what_the_interval_allows(
    percent: float, noise: float, seeds: int, verdict: str, loss: str
) -> None:
    row = standings(made_results({"mha": 0.0, "mqa": percent}, seeds=seeds, noise=noise))[-1]
    assert (nats_verdict(row), loss_verdict(row)) == (verdict, loss)


def test_ways_are_ordered_by_their_prediction() -> None:
    assert "Best prediction first: `grouped`, `mha`, `routed`, `mqa`." in order(ROWS)


def test_page_pictures_and_figures_are_written_and_missing_runs_are_told(tmp_path: Path) -> None:
    found = made_results(WAYS)[:-1]
    for run, _ in found:
        (tmp_path / run.name).mkdir()
        (tmp_path / run.name / ABOUT).write_text('{"wall_s": 360}')
    out = tmp_path / "page"
    write_page(PLAN, found, made_speed(), LIVE, tmp_path, out, {"command": "`made`"})
    text = (out / "sharing.md").read_text()
    assert "| command | `made` |" in text
    assert "| training | 11 runs, 1.1 hours in all" in text
    assert "4 of 4 groups are missed most by the attribute they are named after" in text
    assert "the heads of `grouped` differ more" in text
    for picture in ("sharing.png", "sharing-heads.png"):
        assert f"]({picture})" in text
        assert (out / picture).stat().st_size > 5000
    assert "**The rule chooses `grouped`; `small` shares `routed`: they do not agree.**" in text
    assert "It writes 4.0 to 4.0 times as many notes a second as `mha`; no run of it is complete yet." in text
    figures = json.loads((out / "sharing.json").read_text())
    assert [(row["way"], row["seeds"]) for row in figures["rows"]][-1] == ("mqa", [0, 1])


def test_what_a_step_of_their_own_gains_is_told_once_both_tables_are_there() -> None:
    before = made_results({"mha": 0.0, "gqa": 1.0, "routed": 6.0})
    after = [(replace(run, match=Match.OWN_STEP), each) for run, each in made_results({"mha": 0.0, "routed": 2.0})]
    _, text = own_step(standings(before + after))
    assert "first table and second: `routed` +6.00 % to +2.00 % (time +6.0 to +2.0). `mha` itself" in text
    assert own_step(standings(before)) == own_step(standings(before + after[:1])) == []


def test_pooling_is_told_of_with_what_it_costs() -> None:
    rows = standings(made_results({"mha": 0.0, POOLED: 2.0}))
    (_, text, _) = rival(rows, made_speed())
    assert re.search(r"nats a token by \+2\.00 \(.*\) % \(worse than `mha`\) and NMSI, .* by -2\.00", text)
    without = {**made_speed(), "notes": {"company": [], "rows": []}}
    assert rival(rows, without) == []
