"""Which network plays, and on what: as fast as is needed, or the smallest."""

import logging
from collections.abc import Iterator

import pytest

from model.engine.native.library import NativeUnavailable, library
from model.engine.speed import LIVE_TOKENS_PER_SECOND
from music.errors import BadSetting
from server import engine_choice
from server.engine_choice import HEAD_ROOM, load_engine, with_head_room
from server.settings import Settings

TINY = Settings(model="tiny", engine="torch")


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Milliseconds a token that the measurements will find, in turn."""
    found: list[float] = []
    turn: Iterator[float] = iter(found)
    monkeypatch.setattr(engine_choice, "decode_ms", lambda engine: next(turn))
    return found


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a processor plays is asked here, on whatever machine."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def test_a_named_network_plays_however_slow_it_is(speeds: list[float]) -> None:
    speeds.append(500.0)
    loaded = load_engine(TINY)
    assert loaded.model == "tiny"
    assert loaded.backend == "torch, 1 thread(s), 2 tokens/s"


def test_the_first_network_with_head_room_plays(speeds: list[float], caplog: pytest.LogCaptureFixture) -> None:
    enough = 1000 / (HEAD_ROOM * LIVE_TOKENS_PER_SECOND)
    speeds += [enough * 1.1, enough * 0.9]
    with caplog.at_level(logging.WARNING):
        loaded = with_head_room(TINY, ["small", "tiny"])
    assert loaded.model == "tiny"
    assert "network small makes 409 tokens/s here, and 450 are needed: a smaller one plays" in caplog.text


def test_the_first_plays_where_it_is_fast(speeds: list[float]) -> None:
    speeds.append(0.1)
    assert with_head_room(TINY, ["small", "tiny"]).model == "small"


def test_the_last_plays_where_all_are_slow(speeds: list[float]) -> None:
    speeds += [90.0, 80.0]
    assert with_head_room(TINY, ["small", "tiny"]).model == "tiny"


def test_the_native_engine_is_taken_where_it_was_built() -> None:
    try:
        library()
    except NativeUnavailable as error:
        pytest.skip(str(error))
    assert load_engine(Settings(model="tiny")).backend.startswith("native int8 (")


def test_torch_serves_where_it_was_not_and_native_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise NativeUnavailable("expected the native engine, got none")

    monkeypatch.setattr("model.engine.native.decoder.paths", absent)
    assert load_engine(Settings(model="tiny")).backend.startswith("torch, 1 thread(s)")
    with pytest.raises(NativeUnavailable, match="expected the native engine, got none"):
        load_engine(Settings(model="tiny", engine="native"))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(BadSetting, match="expected another engine"):
        Settings.read({}, engine="abacus")
