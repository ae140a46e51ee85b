"""The client of generations, with a whole server at the other end."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.generations import GenerationsClient, Refused
from music.errors import TradefoursError
from music.files import read_midi, write_midi
from music.score import Note, Part, Score
from music.time import Tick
from streaming.generations import Generation, GenerationOptions, GenerationRequest
from streaming.messages import PromptNote
from tests.server.processes import free_port
from tests.server.running import Running, run_server

SCORE = Score((Part(0),), tuple(Note(Tick(i * 480), 0, 60 + i, 80, 480) for i in range(8)))
MIDI = write_midi(SCORE)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with run_server() as server:
        yield server


@pytest.fixture
def client(running: Running) -> GenerationsClient:
    return GenerationsClient(running.http)


def test_a_generation_is_asked_for_followed_and_fetched(client: GenerationsClient) -> None:
    asked = client.ask(MIDI, GenerationOptions(bars=4, variations=3, seed=2))
    seen = list(client.follow(asked.id))
    assert (seen[-1].status, seen[-1].done, seen[-1].progress) == ("succeeded", (1, 2, 3), 1.0)
    assert client.find(asked.id) == seen[-1]
    pieces = [client.result(asked.id, piece=number) for number in seen[-1].done]
    assert all(read_midi(piece).notes[:8] == SCORE.notes for piece in pieces)
    assert client.result(asked.id, kind="application/zip")[:2] == b"PK"


def test_notes_may_be_the_prompt(client: GenerationsClient) -> None:
    notes = tuple(
        PromptNote(tick=n.onset, duration=n.duration, part=0, pitch=n.pitch, velocity=n.velocity) for n in SCORE.notes
    )
    done = client.ask(GenerationRequest(notes=notes, mode="accompany", programs=(33,)), wait_s=30)
    assert done.status == "succeeded"
    assert read_midi(client.result(done.id)).notes


def test_the_same_key_asks_once(client: GenerationsClient) -> None:
    assert client.ask(MIDI, key="a").id == client.ask(MIDI, key="a").id


def test_what_is_refused_says_why_to_programs_and_people(client: GenerationsClient) -> None:
    with pytest.raises(Refused, match="MThd") as refused:
        client.ask(b"no music")
    assert (refused.value.status, refused.value.code) == (422, "bad_midi")
    with pytest.raises(Refused, match="got 'nobody'") as refused:
        client.find("nobody")
    assert refused.value.status == 404


def test_a_cancelled_generation_ends_for_who_follows_it(client: GenerationsClient) -> None:
    asked = client.ask(MIDI, GenerationOptions(bars=64, variations=64))
    following = client.follow(asked.id)
    assert not next(following).is_over
    client.cancel(asked.id)
    assert list(following)[-1].status == "cancelled"
    with pytest.raises(Refused) as refused:
        client.find(asked.id)
    assert refused.value.status == 410


def test_who_follows_goes_on_with_the_next_server(tmp_path: Path) -> None:
    port = free_port()
    with run_server(port=port, generations=tmp_path) as first:
        client = GenerationsClient(first.http)
        asked = client.ask(MIDI, GenerationOptions(bars=64, variations=48))
        following = client.follow(asked.id)
        assert not next(following).is_over
    last = list[Generation]()
    thread = threading.Thread(target=lambda: last.extend(following))
    with run_server(port=port, generations=tmp_path):
        thread.start()
        thread.join(60)
    assert last[-1].status == "succeeded"
    assert last[-1].done == tuple(range(1, 49))


def test_models_and_sessions_are_listed(client: GenerationsClient) -> None:
    assert [model.name for model in client.models().models] == ["fake"]
    assert client.sessions().sessions == []


def test_no_server_and_no_address_are_told() -> None:
    with pytest.raises(TradefoursError, match="expected a server at"):
        GenerationsClient(f"http://127.0.0.1:{free_port()}").models()
    for url in ("ws://127.0.0.1", "127.0.0.1:8765", "file:///etc/passwd"):
        with pytest.raises(TradefoursError, match="expected a server's address"):
            GenerationsClient(url)


def test_who_follows_gives_up_on_a_server_that_is_gone() -> None:
    client = GenerationsClient(f"http://127.0.0.1:{free_port()}", patience_s=0)
    with pytest.raises(TradefoursError, match="expected a server at"):
        next(client.follow("a"))
