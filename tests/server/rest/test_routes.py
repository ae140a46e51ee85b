"""Generations as a client meets them: asked for, followed, fetched, cancelled, refused."""

import asyncio
import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from music.files import read_midi, write_midi
from music.score import Note, Part, Score
from music.time import Tick
from server.rest.examples import EXAMPLES
from server.synth import can_render
from tests.music.smf_bytes import ACCEPTED, REFUSED, one_track
from tests.server.running import PATIENCE_S, Running, run_server, say

SCALE = Score((Part(0),), tuple(Note(Tick(i * 480), 0, 60 + i, 80, 480) for i in range(8)))
MIDI = write_midi(SCALE)
NOTES = [{"tick": n.onset, "duration": n.duration, "part": 0, "pitch": n.pitch, "velocity": 80} for n in SCALE.notes]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """One for all: none of these tests leaves anything behind that another sees."""
    with run_server() as server:
        yield server


@pytest.fixture
def client(running: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.http, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def ask(client: httpx.Client, prefer: str = "wait=30", **body: Any) -> httpx.Response:
    return client.post("/v1/generations", json={"notes": NOTES, **body}, headers={"prefer": prefer})


def made(client: httpx.Client, **body: Any) -> dict[str, Any]:
    response = ask(client, **body)
    assert response.status_code == 200, response.text
    generation: dict[str, Any] = response.json()
    assert generation["status"] == "succeeded", generation
    return generation


def result(client: httpx.Client, generation: dict[str, Any], accept: str = "", **query: Any) -> httpx.Response:
    url = f"/v1/generations/{generation['id']}/result"
    return client.get(url, params=query, headers={"accept": accept} if accept else {})


def problem(response: httpx.Response, status: int, code: str) -> str:
    """Checked, and its sentence."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["detail"].startswith("expected ")
    assert body["title"]
    return str(body["detail"])


# ---- asking ---------------------------------------------------------------------------------------------


def test_who_does_not_wait_is_told_where_to_look(client: httpx.Client) -> None:
    response = ask(client, prefer="", bars=2)
    assert response.status_code == 202
    generation = response.json()
    assert response.headers["location"] == f"/v1/generations/{generation['id']}"
    assert (generation["status"], generation["variations"], generation["model"]) == ("queued", 1, "fake")
    while (seen := client.get(response.headers["location"]).json())["status"] != "succeeded":
        assert seen["status"] in ("queued", "running")
        assert 0 <= seen["progress"] <= 1
    assert (seen["progress"], seen["done"], seen["queue_position"]) == (1.0, [1], None)


def test_who_waits_gets_it_finished(client: httpx.Client) -> None:
    response = ask(client, prefer="respond-async, wait=30", bars=1)
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=30"
    assert response.json()["status"] == "succeeded"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_document_are_good(client: httpx.Client, example: str) -> None:
    response = client.post("/v1/generations", json=EXAMPLES[example]["value"], headers={"prefer": "wait=30"})
    assert response.status_code == 200
    assert response.json()["status"] == "succeeded"


@pytest.mark.parametrize("kind", ["json", "midi", "form"])
def test_the_prompt_may_come_in_three_forms_and_means_the_same(client: httpx.Client, kind: str) -> None:
    headers, query = {"prefer": "wait=30"}, {"bars": 2, "seed": 5}
    if kind == "json":
        response = client.post("/v1/generations", json={"notes": NOTES, "bars": 2}, params={"seed": 5}, headers=headers)
    elif kind == "midi":
        response = client.post(
            "/v1/generations", content=MIDI, params=query, headers={**headers, "content-type": "audio/midi"}
        )
    else:
        files = {"midi": ("a.mid", MIDI)}
        response = client.post("/v1/generations", files=files, data={"bars": "2", "seed": "5"}, headers=headers)
    assert response.status_code == 200, response.text
    score = read_midi(result(client, response.json()).content)
    assert [note for note in score.notes if note.onset < 3840] == list(SCALE.notes)
    assert all(note.onset < 2 * 3840 for note in score.notes)


def test_a_form_says_lists_by_saying_a_name_again(client: httpx.Client) -> None:
    data = {"mode": "accompany", "programs": ["33", "128"], "bars": "1"}
    response = client.post("/v1/generations", files={"midi": ("a.mid", MIDI)}, data=data, headers={"prefer": "wait=30"})
    assert response.json()["status"] == "succeeded", response.text
    parts = read_midi(result(client, response.json()).content).parts
    assert {part.program for part in parts} <= {0, 33, 128}
    assert len(parts) > 1


@pytest.mark.parametrize("mode", ["continue", "accompany", "fill"])
def test_a_time_too_short_for_a_number_is_a_bar_at_most(client: httpx.Client, mode: str) -> None:
    score = read_midi(result(client, made(client, mode=mode, seconds=5e-324)).content)
    assert max(note.onset for note in score.notes) < 3 * 4 * 480, "a bar after the prompt's two"


def test_the_same_key_means_the_same_generation(client: httpx.Client) -> None:
    headers = {"idempotency-key": "k1", "prefer": "wait=30"}
    one, two = (client.post("/v1/generations", json={"notes": NOTES}, headers=headers).json() for _ in range(2))
    assert one == two
    other = client.post("/v1/generations", json={"notes": NOTES, "seed": 1}, headers=headers)
    assert "another" in problem(other, 422, "key_reused")
    assert made(client)["id"] != one["id"]


async def test_one_key_many_times_at_once_is_one_generation(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.http, trust_env=False, timeout=PATIENCE_S) as client:
        headers = {"idempotency-key": "k2"}
        asks = [client.post("/v1/generations", json={"notes": NOTES}, headers=headers) for _ in range(8)]
        assert len({response.json()["id"] for response in await asyncio.gather(*asks)}) == 1


# ---- results --------------------------------------------------------------------------------------------


def test_each_piece_can_be_had_alone_and_all_in_one_archive(client: httpx.Client) -> None:
    generation = made(client, variations=3, bars=1)
    pieces = [result(client, generation, piece=number).content for number in (1, 2, 3)]
    response = result(client, generation)
    assert response.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert [archive.read(name) for name in sorted(archive.namelist())] == pieces
    told = result(client, generation, "application/json").json()["pieces"]
    assert [(piece["number"], piece["seed"]) for piece in told] == [(1, 0), (2, 1), (3, 2)]
    assert [piece["notes"][:8] for piece in told] == [NOTES] * 3


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "audio/midi"),
        ("audio/midi;q=0.4, application/json", "application/json"),
        ("audio/*", "audio/midi"),
        ("text/html, application/zip;q=0.1", "application/zip"),
    ],
)
def test_what_is_most_wanted_comes(client: httpx.Client, accept: str, kind: str) -> None:
    assert result(client, made(client, bars=1), accept).headers["content-type"] == kind


def test_what_cannot_be_given_is_refused_with_what_can(client: httpx.Client) -> None:
    one, two = made(client, bars=1), made(client, bars=1, variations=2)
    assert "audio/midi" in problem(result(client, one, "text/html"), 406, "not_acceptable")
    assert "?piece=1" in problem(result(client, two, "audio/midi"), 406, "not_acceptable")
    assert "1 to 2" in problem(result(client, two, piece=3), 404, "not_found")


def test_without_a_synthesiser_sound_is_refused_with_the_cure(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.rest.results.can_render", lambda: False)
    generation = made(client, bars=1)
    assert "apt install" in problem(result(client, generation, "audio/wav"), 406, "not_acceptable")
    second = result(client, generation, "audio/wav, audio/midi;q=0.5")
    assert second.headers["content-type"] == "audio/midi"


@pytest.mark.skipif(not can_render(), reason="needs fluidsynth and a sound font")
def test_a_piece_can_be_heard(client: httpx.Client) -> None:
    response = result(client, made(client, bars=1), "audio/wav")
    assert response.headers["content-type"] == "audio/wav"
    assert response.content[:4] == b"RIFF"
    assert any(response.content[1000:])


def test_what_is_not_ready_is_refused_until_it_is(client: httpx.Client, running: Running) -> None:
    generation = ask(client, prefer="", variations=64, bars=64).json()
    assert problem(result(client, generation), 409, "not_ready")
    assert client.delete(f"/v1/generations/{generation['id']}").status_code == 204


# ---- following and cancelling ---------------------------------------------------------------------------


def events(client: httpx.Client, id: str, last: str = "") -> list[tuple[str, dict[str, Any]]]:
    """(id, what it says), to the end of the stream."""
    with client.stream("GET", f"/v1/generations/{id}/events", headers={"last-event-id": last}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        told = []
        for block in response.read().decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields:
                assert fields["event"] == "generation"
                told.append((fields["id"], json.loads(fields["data"])))
        return told


def test_events_tell_how_far_it_is_until_it_has_ended(client: httpx.Client) -> None:
    generation = ask(client, prefer="", variations=4, bars=16).json()
    told = events(client, generation["id"])
    shares = [each["progress"] for _, each in told]
    assert shares == sorted(shares)
    assert told[-1][1]["status"] == "succeeded"
    assert len({id for id, _ in told}) == len(told)
    newest = told[-1][0]
    assert events(client, generation["id"], newest) == []  # nothing new since
    assert events(client, generation["id"], "other") == told[-1:]


def test_a_cancelled_generation_is_gone_and_its_listeners_are_told(client: httpx.Client) -> None:
    generation = ask(client, prefer="", variations=64, bars=64).json()
    url = f"/v1/generations/{generation['id']}"
    with client.stream("GET", f"{url}/events") as response:
        lines = response.iter_lines()
        assert next(lines).startswith("id: ")
        assert client.delete(url).status_code == 204
        rest = list(lines)
    assert json.loads([line for line in rest if line.startswith("data: ")][-1][6:])["status"] == "cancelled"
    problem(client.get(url), 410, "cancelled")
    problem(result(client, generation), 410, "cancelled")
    assert client.delete(url).status_code == 204
    assert made(client, bars=1)  # the engine is free again


def test_a_finished_generation_can_be_thrown_away(client: httpx.Client) -> None:
    url = f"/v1/generations/{made(client, bars=1)['id']}"
    assert client.delete(url).status_code == 204
    problem(client.get(url), 410, "cancelled")


# ---- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"bars": 0}, "bars"),
        ({"bars": "8"}, "bars"),
        ({"bars": 2, "seconds": 3}, "bars or seconds, got both"),
        ({"variations": 129}, "variations"),
        ({"variations": 64, "bars": 512}, "4096 bars"),
        ({"seconds": 3600, "bpm": 400, "meter": "1/64"}, "512 bars"),
        ({"temperature": -1}, "temperature"),
        ({"key": "H major"}, "key"),
        ({"chords": "Am7 | H"}, "chords"),
        ({"mode": "compose"}, "mode"),
        ({"mode": "fill", "from_bar": 99}, "within the prompt"),
        ({"from_bar": 2}, "prompt_bars"),
        ({"mode": "fill", "parts": [3]}, "parts below 1"),
        ({"mode": "accompany", "parts": [0]}, "no parts"),
        ({"programs": [3]}, "no programs"),
        ({"mode": "accompany", "programs": [1] * 15, "instruments": [0, 0]}, "16 parts"),
        ({"model": "large"}, "network fake"),
        ({"tempo": 3}, "tempo"),
        ({"notes": [{"tick": 2**39, "duration": 1, "part": 0, "pitch": 1, "velocity": 1}]}, "7200 seconds"),
        ({"notes": [{**NOTES[0], "pitch": 200}]}, "pitch"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(client: httpx.Client, body: dict[str, Any], words: str) -> None:
    response = ask(client, **body)
    assert words in problem(response, 422, response.json()["code"])


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[1]", 422),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"notes":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
        (b'{"seconds": NaN}', 422),
        (b'{"temperature": Infinity}', 422),
        (b'{"temperature": 1e999}', 422),
        (b'{"seed": ' + b"9" * 5_000 + b"}", 400),
        (b'{"key": "\\ud800"}', 400),
        (b"\xff\xfe", 400),
        (b'{"notes": {}}', 422),
        (b'{"seed": 1.5}', 422),
        (b'{"seed": true}', 422),
    ],
)
def test_json_that_is_none_or_not_ours_is_refused(client: httpx.Client, content: bytes, status: int) -> None:
    response = client.post("/v1/generations", content=content, headers={"content-type": "application/json"})
    problem(response, status, response.json()["code"])


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_midi_file_is_refused_with_the_reason(client: httpx.Client, name: str) -> None:
    data, words = REFUSED[name]
    began = time.monotonic()
    response = client.post("/v1/generations", content=data, headers={"content-type": "audio/midi"})
    assert words in problem(response, 422, "bad_midi")
    assert time.monotonic() - began < PATIENCE_S


def test_odd_midi_files_are_music(client: httpx.Client) -> None:
    for data in ACCEPTED.values():
        response = client.post(
            "/v1/generations?bars=1", content=data, headers={"content-type": "audio/midi", "prefer": "wait=30"}
        )
        assert response.json()["status"] == "succeeded", response.text


@pytest.mark.parametrize(
    ("kind", "size"),
    [("application/json", 2**20), ("audio/midi", 4 * 2**20), ("multipart/form-data; boundary=x", 5 * 2**20)],
)
def test_a_body_that_is_too_large_is_refused(client: httpx.Client, kind: str, size: int) -> None:
    def endless() -> Iterator[bytes]:
        yield from (bytes(2**16) for _ in range(size // 2**16 + 1))

    problem(client.post("/v1/generations", content=endless(), headers={"content-type": kind}), 413, "too_large")


def test_bodies_of_other_kinds_are_refused(client: httpx.Client) -> None:
    for headers in (
        {"content-type": "text/plain"},
        {},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ):
        response = client.post("/v1/generations", content=b"{}", headers=headers)
        problem(response, 415, response.json()["code"])
    for content in (b"", b"--x\r\n", b"--x\r\nContent-Disposition: nothing\r\n\r\na\r\n--x--\r\n"):
        response = client.post(
            "/v1/generations", content=content, headers={"content-type": "multipart/form-data; boundary=x"}
        )
        assert response.status_code in (400, 422), response.text
        problem(response, response.status_code, response.json()["code"])
    problem(
        client.post("/v1/generations", content=b"", headers={"content-type": "multipart/form-data"}), 400, "bad_form"
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/generations/nobody", 404, "not_found"),
        ("GET", "/v1/generations/nobody/events", 404, "not_found"),
        ("GET", "/v1/generations/nobody/result", 404, "not_found"),
        ("DELETE", "/v1/generations/nobody", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/sessions/nobody.mid", 404, "not_found"),
        ("PUT", "/v1/generations", 405, "bad_method"),
        ("GET", "/v1/generations", 405, "bad_method"),
        ("POST", "/v1/models", 405, "bad_method"),
        ("GET", "/v1/generations/x/result?piece=0", 422, "bad_request"),
        ("POST", "/v1/generations?bars=none", 422, "bad_request"),
    ],
)
def test_every_refusal_has_the_same_form(client: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    response = client.request(method, path)
    problem(response, status, code)
    if status == 405:
        assert response.headers["allow"] == {"/v1/models": "GET", "/v1/generations": "POST"}[path]


def test_a_page_of_another_site_cannot_ask_for_anything(client: httpx.Client) -> None:
    files = {"midi": ("a.mid", MIDI)}
    response = client.post("/v1/generations", files=files, headers={"origin": "https://evil.example"})
    problem(response, 403, "forbidden")
    assert client.post("/v1/generations", files=files, headers={"origin": str(client.base_url)}).status_code == 202


def test_more_than_may_wait_are_refused_with_a_time_to_come_back() -> None:
    with run_server(max_generations=2) as running, httpx.Client(base_url=running.http, trust_env=False) as client:
        long = [ask(client, prefer="", variations=64, bars=64).json()["id"] for _ in range(2)]
        response = ask(client)
        assert "fewer than 2" in problem(response, 429, "full")
        assert int(response.headers["retry-after"]) > 0
        assert client.get(f"/v1/generations/{long[1]}").json()["queue_position"] in (None, 1)
        for id in long:
            assert client.delete(f"/v1/generations/{id}").status_code == 204
        assert ask(client, bars=1).status_code == 200


# ---- what there is --------------------------------------------------------------------------------------


async def test_models_and_sessions_are_listed(running: Running, client: httpx.Client) -> None:
    models = (await asyncio.to_thread(client.get, "/v1/models")).json()["models"]
    assert models == [{"name": "fake", "weights": "", "backend": "dice", "context": 2048, "is_solo": False}]
    assert client.get("/v1/sessions").json() == {"sessions": [], "capacity": 4}
    async with running.playing() as socket:
        await say(socket, type="heartbeat", tick=0)
        await socket.recv()
        (session,) = (await asyncio.to_thread(client.get, "/v1/sessions")).json()["sessions"]
        assert session["is_live"]
        assert session["tick"] >= 0
    assert (await asyncio.to_thread(client.get, session["recording"])).status_code == 200


def test_a_file_of_a_hundred_thousand_notes_is_taken(client: httpx.Client) -> None:
    data = one_track(b"\x00\x90\x40\x40\x01\x80\x40\x00" * 99_990)
    began = time.monotonic()
    response = client.post("/v1/generations?bars=1", content=data, headers={"content-type": "audio/midi"})
    assert response.status_code == 202, response.text
    assert time.monotonic() - began < PATIENCE_S
