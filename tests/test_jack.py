"""The JACK server that other tests rely on."""

import os
import queue
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.jack import private_jack

pytestmark = pytest.mark.jack


@pytest.mark.usefixtures("jack_server")
@pytest.mark.parametrize("run", ["first", "second"])  # in one process, one server after the other
def test_a_note_goes_from_one_virtual_port_to_another(run: str) -> None:
    rtmidi = pytest.importorskip("rtmidi", exc_type=ImportError)
    heard: queue.Queue[list[int]] = queue.Queue()
    receiver = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=f"receiver of the {run} run")
    sender = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="sender")
    receiver.set_callback(lambda message, _: heard.put(message[0]))
    receiver.open_virtual_port("in")
    try:
        sender.open_port(next(i for i, name in enumerate(sender.get_ports()) if name.startswith("receiver")))
        sender.send_message([0x90, 60, 64])
        assert heard.get(timeout=5) == [0x90, 60, 64]
    finally:
        sender.delete()
        receiver.delete()


@pytest.mark.skipif(shutil.which("jackd") is None, reason="needs jackd")
def test_a_server_leaves_nothing_in_shared_memory(tmp_path: Path) -> None:
    with private_jack(tmp_path / "jack.log") as env:
        name = env["JACK_DEFAULT_SERVER"]
    assert not list(Path("/dev/shm").glob(f"*{name}*"))


CLIENT = (
    "import rtmidi, sys; port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=sys.argv[1]); port.open_virtual_port('in'); "
)
CLIENT += "print('open', flush=True); sys.stdin.read()"


@pytest.mark.skipif(shutil.which("jackd") is None, reason="needs jackd")
def test_a_server_whose_clients_are_killed_leaves_no_name_behind(tmp_path: Path) -> None:
    pytest.importorskip("rtmidi", exc_type=ImportError)
    with private_jack(tmp_path / "jack.log") as env, ExitStack() as stack:
        name = env["JACK_DEFAULT_SERVER"]
        assert is_registered(name)
        pipe = subprocess.PIPE
        clients = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", CLIENT, f"client {i}"], env=os.environ | env, stdin=pipe, stdout=pipe
                )
            )
            for i in range(4)
        ]
        for client in clients:
            assert client.stdout is not None
            assert client.stdout.readline() == b"open\n"
        for client in clients:
            client.kill()
    assert not is_registered(name)


def is_registered(name: str) -> bool:
    """The table of servers has eight places, and does not see by itself that one died."""
    return name.encode() in Path("/dev/shm/jack-shm-registry").read_bytes()
