"""A typed Python client of generations over REST: ask, follow, fetch, cancel. Blocks; knows no music.

client = GenerationsClient("http://127.0.0.1:8765")
generation = client.ask(Path("in.mid").read_bytes(), GenerationOptions(bars=16, variations=4))
for seen in client.follow(generation.id):
    print(f"{seen.progress:.0%}")
midi = client.result(generation.id, piece=1)
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any, Final, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from clients.access import KEY_VARIABLE, bearer, own_key
from music.errors import TradefoursError
from streaming.generations import Generation, GenerationOptions, GenerationRequest, Models, Sessions

ANSWER_S: Final = 30.0  # a server that says nothing for so long is gone; a stream of events says something every 15 s
PATIENCE_S: Final = 30.0  # so long a server may be gone while a generation is followed
PAUSE_S: Final = 0.5
MIDI: Final = "audio/midi"


class Refused(TradefoursError):
    """The server says no: `code` to programs, the text to people."""

    def __init__(self, status: int, code: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s


class GenerationsClient:
    """Of one server. Everything raises Refused where it says no, TradefoursError where it does not answer."""

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S, access_key: str | None = None) -> None:
        """`access_key` opens a server that wants one: that of the environment (`TRADEFOURS_KEY`) if not said."""
        scheme, _, rest = url.rstrip("/").partition("://")
        if scheme not in ("http", "https") or not rest:
            raise TradefoursError(f"expected a server's address such as http://127.0.0.1:8765, got {url!r}")
        self._url = f"{scheme}://{rest}"
        self._patience_s = patience_s
        self._key = own_key() if access_key is None else access_key
        self._opener = build_opener(ProxyHandler({}))  # a proxy of the environment would be asked for 127.0.0.1

    def ask(
        self,
        prompt: bytes | GenerationRequest,
        options: GenerationOptions | None = None,
        *,
        key: str | None = None,
        wait_s: int = 0,
    ) -> Generation:
        """A prompt is a MIDI file's bytes, or notes with their options. The same `key` again asks for nothing new."""
        headers = {"content-type": MIDI, "prefer": f"wait={wait_s}" if wait_s else ""}
        if key is not None:
            headers["idempotency-key"] = key
        given = options.model_dump(mode="json", exclude_unset=True, exclude_none=True) if options else {}
        body = prompt
        if isinstance(prompt, GenerationRequest):
            headers["content-type"] = "application/json"
            body = prompt.model_dump_json(exclude_unset=True).encode()
        with self._open("POST", f"/v1/generations?{urlencode(given, doseq=True)}", headers, body, wait_s) as response:
            return Generation.model_validate_json(response.read())

    def find(self, id: str) -> Generation:
        with self._open("GET", _path(id)) as response:
            return Generation.model_validate_json(response.read())

    def follow(self, id: str) -> Iterator[Generation]:
        """How far it is, after every change; the last has ended. A server that comes back is asked to go on."""
        last, gone_since = "", time.monotonic()
        while True:
            try:
                with self._open("GET", f"{_path(id)}/events", {"last-event-id": last}) as response:
                    for id_of_event, seen in _events(response):
                        yield seen
                        if seen.is_over:
                            return
                        last, gone_since = id_of_event, time.monotonic()
            except Refused:
                raise
            except (TradefoursError, OSError, HTTPException):
                if time.monotonic() - gone_since > self._patience_s:
                    raise
            time.sleep(PAUSE_S)

    def result(self, id: str, *, piece: int | None = None, kind: str = MIDI) -> bytes:
        """`kind`: audio/midi, audio/wav, application/json, or application/zip for all pieces."""
        query = "" if piece is None else f"?piece={piece}"
        with self._open("GET", f"{_path(id)}/result{query}", {"accept": kind}) as response:
            return response.read()

    def cancel(self, id: str) -> None:
        """Nothing of it is kept. Again does nothing."""
        self._open("DELETE", _path(id)).close()

    def models(self) -> Models:
        with self._open("GET", "/v1/models") as response:
            return Models.model_validate_json(response.read())

    def sessions(self) -> Sessions:
        with self._open("GET", "/v1/sessions") as response:
            return Sessions.model_validate_json(response.read())

    def _open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        wait_s: float = 0,
    ) -> HTTPResponse:
        said = {name: value for name, value in (headers or {}).items() if value} | bearer(self._key)
        request = Request(self._url + path, data=body, headers=said, method=method)
        try:
            response: HTTPResponse = self._opener.open(request, timeout=ANSWER_S + wait_s)
        except HTTPError as error:
            _refuse(error)
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise TradefoursError(f"expected a server at {self._url}, got: {reason}") from error
        return response


def _path(id: str) -> str:
    return f"/v1/generations/{quote(id, safe='')}"


def _refuse(error: HTTPError) -> NoReturn:
    code, detail = "refused", f"expected an answer, got status {error.code}"
    with error, suppress(ValueError, OSError, KeyError, TypeError, HTTPException):  # a proxy says it otherwise
        said = json.loads(error.read())
        code, detail = str(said["code"]), str(said["detail"])
    if error.code == HTTPStatus.UNAUTHORIZED:
        detail += f": set {KEY_VARIABLE}"
    after = error.headers.get("retry-after", "")
    raise Refused(error.code, code, detail, float(after) if after.isdecimal() else None) from None


def _events(response: HTTPResponse) -> Iterator[tuple[str, Generation]]:
    """Each with its id."""
    fields: dict[str, str] = {}
    for raw in response:
        line = raw.decode().rstrip("\r\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields.get("id", ""), Generation.model_validate_json(fields["data"])
            fields = {}
