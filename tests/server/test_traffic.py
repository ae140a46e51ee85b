"""What comes to the door is counted, and what a client makes up grows nothing."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from server.traffic import Counted, Traffic


async def passed(scope: Scope, *messages: Message, heard: Message | None = None) -> Traffic:
    """The traffic after an app that has sent all that, perhaps after it has heard something."""
    traffic = Traffic()

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        if heard:
            await receive()
        for message in messages:
            await send(message)

    async def receive() -> Message:
        assert heard is not None
        return heard

    async def send(_: Message) -> None:
        pass

    await Counted(app, traffic)(scope, receive, send)
    return traffic


@pytest.mark.parametrize("code", [4999, 3000, 1015])
async def test_a_close_code_that_a_client_made_up_is_another(code: int) -> None:
    gone = {"type": "websocket.disconnect", "code": code}
    traffic = await passed({"type": "websocket", "path": "/v1/live"}, heard=gone)
    assert traffic.closes == {"other": 1}


async def test_a_socket_that_both_sides_close_is_closed_once() -> None:
    ours = {"type": "websocket.close", "code": 1012}
    gone = {"type": "websocket.disconnect", "code": 1006}
    traffic = await passed({"type": "websocket", "path": "/v1/live"}, ours, heard=gone)
    assert traffic.closes == {"1006": 1}


async def test_a_socket_that_was_refused_is_an_answer() -> None:
    denial = {"type": "websocket.http.response.start", "status": 503}
    traffic = await passed({"type": "websocket", "path": "/v1/live"}, denial)
    assert (traffic.statuses, traffic.closes) == ({"503": 1}, {})


@pytest.mark.parametrize(
    ("scope", "kind"),
    [
        ({"type": "websocket", "path": "/v1/live"}, "live"),
        ({"type": "websocket", "path": "/v1/watch"}, "watch"),
        ({"type": "websocket", "path": "/elsewhere"}, "http"),
        ({"type": "http", "path": "/v1/live"}, "http"),
    ],
)
async def test_who_is_inside_is_counted_until_they_leave_however_that_is(scope: dict[str, Any], kind: str) -> None:
    traffic = Traffic()

    async def app(*_: object) -> None:
        assert [name for name, count in traffic.inside.items() if count] == [kind]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await Counted(app, traffic)(scope, None, None)  # type: ignore[arg-type]
    assert not any(traffic.inside.values())
