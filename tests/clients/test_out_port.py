"""The bridge's end of the output port: it opens, it plays, it comes back."""

import asyncio
import os
import signal
from queue import SimpleQueue
from time import monotonic_ns

import pytest

import clients.out_port
from clients.out_port import OutPort
from clients.ports import open_input
from music.errors import PortError
from music.messages import panic_messages
from music.time import Nanos
from tests.clients.midi_peers import Recorder, hanging

MS = 1_000_000


def unexpected(error: PortError) -> None:
    raise AssertionError(str(error))


async def test_a_port_that_cannot_be_had_says_why() -> None:
    out = OutPort("Out", virtual=True, api="oss", failed=unexpected)
    with pytest.raises(PortError, match="got 'oss'"):
        await out.open()
    await out.close()


@pytest.mark.jack
async def test_a_port_process_that_dies_is_started_again(
    jack_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients.out_port, "SOON", 0)  # as if it had lived for long
    out = OutPort("Out", virtual=True, api="jack", failed=unexpected)
    await out.open()
    dead = out._process
    assert dead is not None
    os.kill(dead.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while out._process is dead:
            await asyncio.sleep(0.01)
    recorder = await asyncio.to_thread(Recorder, "Out")
    now = monotonic_ns()
    out.schedule(1, Nanos(now), Nanos(now + 20 * MS), 0, 60, 90)
    heard = await asyncio.to_thread(recorder.wait_until, lambda heard: sum(event.is_off for event in heard) == 1)
    await out.close()
    await asyncio.to_thread(recorder.close)
    assert hanging(heard) == []
    assert (out.notes_on, out.notes_off, len(out.lateness)) == (1, 1, 1)


@pytest.mark.jack
async def test_an_instrument_is_told_to_end_all_even_when_its_port_is_given_up(jack_server: dict[str, str]) -> None:
    heard: SimpleQueue[bytes] = SimpleQueue()
    instrument = open_input("Instrument", lambda message, at: heard.put(message), api="jack")
    failed: asyncio.Future[PortError] = asyncio.get_running_loop().create_future()
    out = OutPort("Instrument", virtual=False, api="jack", failed=failed.set_result)
    try:
        await out.open()
        assert out._process is not None
        os.kill(out._process.pid, signal.SIGKILL)
        error = await asyncio.wait_for(failed, 10)
        await out.close()
        messages = [heard.get(timeout=5) for _ in range(16 * 3)]
    finally:
        instrument.close()
    assert "ended with status -9" in str(error)
    assert messages == [message for channel in range(16) for message in panic_messages(channel)]


@pytest.mark.jack
async def test_closing_while_the_process_is_started_again_ends_that_one_too(
    jack_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    starting, start_again = asyncio.Event(), OutPort._start

    async def started(out: OutPort) -> str:
        starting.set()
        return await start_again(out)

    out = OutPort("Out", virtual=True, api="jack", failed=unexpected)
    await out.open()
    assert out._process is not None
    monkeypatch.setattr(OutPort, "_start", started)
    dead = out._process
    os.kill(dead.pid, signal.SIGKILL)
    await asyncio.wait_for(starting.wait(), 10)
    await out.close()
    assert out._process is not dead
    assert out._process.returncode == 0


@pytest.mark.jack
async def test_closing_ends_and_counts_what_sounds(jack_server: dict[str, str]) -> None:
    out = OutPort("Out", virtual=True, api="jack", failed=unexpected)
    await out.open()
    assert out.name == "Out"
    now = monotonic_ns()
    out.schedule(1, Nanos(now), Nanos(now + 3_600_000 * MS), 0, 60, 90)
    await out.close()
    assert (out.notes_on, out.notes_off) == (1, 1)
    out.schedule(2, Nanos(now), Nanos(now + 1), 0, 60, 90)  # too late, and no harm
