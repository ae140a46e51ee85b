"""Who may come in: keys, names and pages, over real sockets."""

import asyncio
import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from clients.access import bearer
from clients.generations import GenerationsClient, Refused
from clients.live import LiveClient
from clients.talk import Talk
from music.errors import NotLetIn
from server.app import PAGE
from server.door import Keys
from streaming.messages import SUBPROTOCOL
from tests.server.running import PATIENCE_S, Running, heard, run_server, say

KEY, ANNAS = "k" * 12 + "+/=~?", "annas-key-0123456789"
WRONG = "k" * 12 + "+/=~!"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a key of its environment and one of a file."""
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    file.write_text(f"{ANNAS} anna\n")
    with run_server(key=KEY, key_file=file) as running:
        yield running


def ask(running: Running, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, running.http + path, headers=named, trust_env=False)


def packed(key: str | bytes) -> Subprotocol:
    raw = key.encode() if isinstance(key, str) else key
    return Subprotocol(f"tradefours.key.{urlsafe_b64encode(raw).decode().rstrip('=')}")


# ---- keys: HTTP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/ready", "/metrics", "/v1/models", "/v1/sessions", "/v1/generations", "/openapi.json", "/nothing"]
)
def test_without_a_key_all_but_health_is_refused(locked: Running, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        response = ask(locked, path, method)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="tradefours"'
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == "no_key"
    assert ask(locked, "/health").status_code == 200


@pytest.mark.parametrize("said", [f"Bearer {WRONG}", f"Bearer {KEY}x", "Bearer", f"bearer {KEY[:-1]}", "Bearer \xff"])
def test_a_wrong_key_is_told_from_none(locked: Running, said: str) -> None:
    response = httpx.get(f"{locked.http}/ready", headers={b"authorization": said.encode("latin-1")}, trust_env=False)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].endswith('error="invalid_token"')
    assert response.json()["detail"] == "expected a key of this server, got another"


@pytest.mark.parametrize("said", [f"Basic {KEY}", KEY, f"Token {KEY}"])
def test_a_key_that_is_shown_otherwise_is_none(locked: Running, said: str) -> None:
    assert ask(locked, "/ready", authorization=said).json()["detail"].endswith("got none")


def test_a_key_in_the_address_is_none(locked: Running) -> None:
    for name in ("key", "access_token", "token"):
        assert ask(locked, f"/ready?{name}={ANNAS}").status_code == 401


@pytest.mark.parametrize("key", [KEY, ANNAS])
def test_each_key_opens_everything(locked: Running, key: str) -> None:
    for path in ("/ready", "/v1/models", "/openapi.json"):
        assert ask(locked, path, **bearer(key)).status_code == 200


def test_the_page_may_be_loaded_without_a_key_and_nothing_beside_it(locked: Running) -> None:
    files = [f"/{file.relative_to(PAGE).as_posix()}" for file in PAGE.rglob("*") if file.is_file()]
    assert len(files) > 5
    for path in ("/", *files):
        assert ask(locked, path).status_code == 200
    for path in ("/built", "/built/", "/../settings.py", "/favicon.ico"):
        assert ask(locked, path).status_code == 401


def test_the_document_says_that_a_key_is_wanted_where_one_is(locked: Running) -> None:
    document = ask(locked, "/openapi.json", **bearer(KEY)).json()
    assert document["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("401" in operation["responses"]) == ("security" in operation) == (path != "/health")


def test_a_server_without_keys_wants_none() -> None:
    with run_server() as running:
        document = ask(running, "/openapi.json").json()
        assert ask(running, "/ready", **bearer(WRONG)).status_code == 200
    assert "securitySchemes" not in document.get("components", {})


# ---- keys: WebSockets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/live", "/v1/watch", "/health", "/"])
@pytest.mark.parametrize(
    "offered", [[], [packed(WRONG)], [packed(b"\xff\xfe")], ["tradefours.key."], ["tradefours.key.A"]]
)
async def test_a_websocket_without_a_right_key_does_not_open(locked: Running, path: str, offered: Any) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with locked.connected(path, subprotocols=[SUBPROTOCOL, *offered]):
            pass
    assert refusal.value.response.status_code == 401
    assert refusal.value.response.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("key", [KEY, ANNAS])
@pytest.mark.parametrize("path", ["/v1/live", "/v1/watch"])
async def test_a_browser_shows_its_key_by_a_subprotocol_that_never_comes_back(
    locked: Running, path: str, key: str
) -> None:
    for offered in ([SUBPROTOCOL, packed(key)], [packed(key), SUBPROTOCOL]):
        async with locked.connected(path, subprotocols=offered, origin=locked.http) as socket:
            assert socket.subprotocol == SUBPROTOCOL
    with pytest.raises(InvalidStatus) as refusal:
        async with locked.connected("/v1/live", subprotocols=[packed(key)]):
            pass
    assert refusal.value.response.status_code == 400
    assert packed(key) not in refusal.value.response.body.decode()


async def test_a_program_shows_its_key_by_a_header(locked: Running) -> None:
    async with locked.connected(additional_headers=bearer(KEY)) as socket:
        await say(socket, type="hello")
        await heard(socket, "welcome")


# ---- the Python clients ---------------------------------------------------------------------------------


async def test_the_live_client_takes_its_key_from_the_environment_or_its_caller(
    locked: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"ws://127.0.0.1:{locked.port}/v1/live"
    async with LiveClient(url, access_key=KEY) as live:
        await live.start()
        assert (await live.recording()).startswith(b"MThd")
    monkeypatch.setenv("TRADEFOURS_KEY", ANNAS)
    async with LiveClient(url) as live:
        assert live.welcome is not None
    with pytest.raises(NotLetIn, match="got none: set TRADEFOURS_KEY"):
        await LiveClient(url, access_key="").__aenter__()
    with pytest.raises(NotLetIn, match="got another"):
        await LiveClient(url, access_key=WRONG).__aenter__()


def test_the_generations_client_takes_its_key_likewise(locked: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GenerationsClient(locked.http, access_key=KEY).models().models[0].name == "fake"
    with pytest.raises(Refused, match="expected a key of this server, got none: set TRADEFOURS_KEY") as refusal:
        GenerationsClient(locked.http).models()
    assert (refusal.value.status, refusal.value.code) == (401, "no_key")
    monkeypatch.setenv("TRADEFOURS_KEY", ANNAS)
    assert GenerationsClient(locked.http).sessions().capacity == 4


async def test_a_bridge_without_the_key_does_not_try_for_ever(locked: Running) -> None:
    nobody: Any = SimpleNamespace(tick=lambda: None, bpm=lambda: None)
    talk = Talk(f"ws://127.0.0.1:{locked.port}/v1/live", nobody, access_key=WRONG)
    with pytest.raises(NotLetIn):
        await asyncio.wait_for(talk.stay_connected(), PATIENCE_S)


# ---- what is told of keys ---------------------------------------------------------------------------------


async def test_no_key_is_ever_logged_or_told(caplog: pytest.LogCaptureFixture, capfd: Any, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        caplog.set_level(logging.DEBUG, name)
    with run_server(key=KEY) as running:
        told = [ask(running, "/ready", **bearer(WRONG)).text, ask(running, "/v1/models", **bearer(KEY)).text]
        for offered in ([SUBPROTOCOL, packed(KEY)], [SUBPROTOCOL, packed(WRONG)]):
            try:
                async with running.connected(subprotocols=offered):
                    pass
            except InvalidStatus as refusal:
                told.append(refusal.response.body.decode())
        told += [repr(running.stage.settings), repr(running.stage)]
    ours = [record for record in caplog.records if not record.name.startswith(("websockets.client", "httpcore"))]
    told += [record.getMessage() for record in ours] + [*capfd.readouterr()]
    assert not [record for record in ours if record.levelno > logging.WARNING]  # to refuse is no mistake
    for secret in (KEY, WRONG, packed(KEY), packed(WRONG)):
        assert not [text for text in told if secret in text]


def test_of_keys_only_digests_are_kept() -> None:
    with run_server(key=KEY) as running:
        keys = Keys(running.stage.settings.access_keys())
    assert KEY not in repr(vars(keys))
    assert (keys.owner(KEY), keys.owner(WRONG), keys.owner("")) == ("TRADEFOURS_KEY", None, None)


# ---- names and pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *((name, 200) for name in ("192.168.1.5:8765", "[fe80::1]", "localhost", "studio.example", "Studio.Example:1")),
        *((name, 403) for name in ("evil.example", "192.168.1.5.evil.example", "", "[")),
    ],
)
def test_where_others_reach_us_addresses_are_ours_and_of_names_those_that_are_allowed(name: str, status: int) -> None:
    with run_server(host="0.0.0.0", allow_public=True, allow_host=["studio.example"]) as running:
        assert ask(running, "/health", host=name).status_code == status


def test_a_name_that_is_allowed_is_ours_on_this_machine_too() -> None:
    with run_server(allow_host=["studio.example"]) as running:
        assert ask(running, "/health", host="studio.example").status_code == 200
        assert ask(running, "/health", host="192.168.1.5").status_code == 403
        assert "--allow-host" in ask(running, "/v1/models", host="evil.example").json()["detail"]


async def test_a_site_that_is_allowed_may_connect_and_ask_and_no_other(locked: Running) -> None:
    site, other = "https://studio.example", "https://evil.example"
    with run_server(allow_origin=[site], key=KEY) as running:
        for path in ("/v1/live", "/v1/watch"):
            async with running.connected(path, origin=site, additional_headers=bearer(KEY)):
                pass
            with pytest.raises(InvalidStatus) as refusal:
                async with running.connected(path, origin=other, additional_headers=bearer(KEY)):
                    pass
            assert refusal.value.response.status_code == 403
        asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        leave = ask(running, "/v1/generations", "OPTIONS", origin=site, **asks)
        assert (leave.status_code, leave.headers["access-control-allow-origin"]) == (200, site)
        assert (
            "access-control-allow-origin"
            not in ask(running, "/v1/generations", "OPTIONS", origin=other, **asks).headers
        )
        assert ask(running, "/v1/models", origin=site).headers["access-control-allow-origin"] == site  # 401 can be read
        assert "access-control-allow-origin" not in ask(running, "/v1/models", origin=other, **bearer(KEY)).headers
        assert ask(running, "/v1/generations/x", "DELETE", origin=other, **bearer(KEY)).status_code == 403
