"""A server whose network plays the piano alone: seconds instead of bars. Live: tests/server/test_solo.py."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from music.files import read_midi
from music.time import TempoMap
from tests.server.rest.test_routes import NOTES, SCALE, ask, made, problem, result
from tests.server.running import PATIENCE_S, Running, run_server


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with run_server(solo_context=64) as server:
        yield server


@pytest.fixture
def client(running: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.http, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def test_a_prompt_is_continued_for_so_many_seconds(client: httpx.Client) -> None:
    score = read_midi(result(client, made(client, seconds=1.5)).content)
    assert set(SCALE.notes) <= set(score.notes)
    new = set(score.notes) - set(SCALE.notes)
    assert new
    assert all(note.onset >= SCALE.end for note in new)
    assert TempoMap(score.tempos).nanos_at(score.end) <= 5.5e9


def test_without_a_prompt_the_music_begins_from_nothing(client: httpx.Client) -> None:
    generation = client.post("/v1/generations", json={"seconds": 1}, headers={"prefer": "wait=30"}).json()
    assert (generation["status"], generation["progress"]) == ("succeeded", 1.0)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"mode": "fill"}, "expected mode continue with a network for solo piano, got fill"),
        ({"bars": 4}, "expected no bars with a network for solo piano, got 4"),
        ({"key": "C major"}, "expected no key"),
        ({"chords": "C | G"}, "expected no chords"),
        ({"parts": [0]}, "expected no parts"),
        ({"programs": [3]}, "expected no programs"),
    ],
)
def test_what_knows_bars_and_parts_is_refused(client: httpx.Client, option: dict[str, Any], words: str) -> None:
    assert words in problem(ask(client, **option), 422, "bad_request")


def test_too_much_is_told_in_seconds(client: httpx.Client) -> None:
    response = client.post("/v1/generations", json={"notes": NOTES, "seconds": 3600, "variations": 2})
    assert "at most 4096 seconds" in problem(response, 422, "too_long")


def test_the_model_says_so(client: httpx.Client) -> None:
    (model,) = client.get("/v1/models").json()["models"]
    assert (model["is_solo"], model["context"]) == (True, 64)
