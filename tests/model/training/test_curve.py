"""The curve of a run can be read by programs and by people."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

from model.training.curve import Point, save_curve

POINTS = [Point(60.0 * i, 100 * i, 1000 * i, 3 - i / 4, 3.1 - i / 4, 1500.5) for i in range(1, 4)]


def test_every_point_is_in_json_and_csv(tmp_path: Path) -> None:
    save_curve(POINTS, tmp_path)
    assert json.loads((tmp_path / "curve.json").read_text()) == [asdict(point) for point in POINTS]
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert rows == [asdict(point) for point in POINTS]


def test_there_is_a_picture_even_of_nothing(tmp_path: Path) -> None:
    for points in (POINTS, []):
        save_curve(points, tmp_path)
        assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
