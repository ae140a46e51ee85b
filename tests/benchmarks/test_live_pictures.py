"""A set becomes a picture: small, and the same one every time."""

from pathlib import Path

from benchmarks.live_pictures import draw_set
from benchmarks.live_pieces import performance_of
from tests.benchmarks.made_pieces import made_piece
from tests.server.fakes import FakeEngine


def test_a_set_is_drawn_in_a_small_file_and_the_same_again(tmp_path: Path) -> None:
    performance = performance_of(made_piece())
    assert performance is not None
    first = draw_set(FakeEngine(), performance, "trade", tmp_path)
    assert first.name == "playing-trade.png"
    pixels = first.read_bytes()
    assert pixels.startswith(b"\x89PNG")
    assert len(pixels) < 150_000
    assert draw_set(FakeEngine(), performance, "trade", tmp_path).read_bytes() == pixels
