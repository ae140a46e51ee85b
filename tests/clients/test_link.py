"""Two peers of Ableton Link on a network of their own: one leads, the other is our conductor."""

import asyncio
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from time import monotonic_ns
from typing import Any

import pytest

from clients.conductor import Change
from clients.link import LinkSession
from clients.link_conductor import LinkConductor
from music.errors import PortError
from music.time import Nanos
from streaming.clock import PlayerClock

BAR = 1_920
ALONE = ["unshare", "--map-root-user", "--net"]  # Link speaks to every network that it finds
BOTH = 'ip link set lo up && { "$0" "$1" lead & "$0" "$1" follow; wait; }'


def may_have_a_network_of_its_own() -> bool:
    tools = shutil.which("unshare") and shutil.which("ip")
    return bool(tools) and subprocess.run([*ALONE, "ip", "link"], capture_output=True).returncode == 0


@pytest.mark.skipif(find_spec("aalink") is None, reason="needs aalink: pip install '.[link]' (GPL-3)")
@pytest.mark.skipif(not may_have_a_network_of_its_own(), reason="needs unshare and ip, and leave to use them")
def test_a_peer_is_followed_in_tempo_bars_start_and_stop() -> None:
    command = [*ALONE, "bash", "-c", BOTH, sys.executable, __file__]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    changes = [line for line in lines if "change" in line]
    assert [line["change"] for line in changes] == ["TAKE", "TEMPO", "STOP"]
    assert [line["bpm"] for line in changes] == [pytest.approx(bpm, abs=0.01) for bpm in (133, 140, 140)]
    (theirs,) = (line for line in lines if "quarter" in line)
    ours = min((line for line in lines if "tick" in line), key=lambda line: abs(line["at"] - theirs["at"]))
    quarters = (ours["at"] - theirs["at"]) * 140 / 60e9 + theirs["quarter"] - ours["tick"] / 480
    assert abs((quarters + 2) % 4 - 2) < 0.05  # 20 ms, on a busy machine


async def test_without_aalink_it_says_what_to_install_and_under_which_license(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aalink", None)
    with pytest.raises(PortError, match=r"pip install aalink.*GPL-3"):
        LinkSession(120, 4)


# ---- in the child processes --------------------------------------------------------------------------


def say(**what: Any) -> None:
    sys.stdout.write(
        json.dumps(what) + "\n"
    )  # at once: where nothing is buffered, print() writes the end of a line later
    sys.stdout.flush()


async def lead() -> None:
    from aalink import Link

    link: Any = Link(133)
    link.quantum, link.enabled, link.start_stop_sync_enabled = 4, True, True
    async with asyncio.timeout(15):
        while not link.num_peers:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    link.tempo, link.playing = 133, True
    await asyncio.sleep(0.6)
    link.tempo = 140
    await asyncio.sleep(2)
    say(at=monotonic_ns(), quarter=link.beat)
    await asyncio.sleep(0.1)
    link.playing = False
    await asyncio.sleep(1)


async def follow() -> None:
    session, clock, change = LinkSession(100, BAR / 480), PlayerClock(100), None
    conductor = LinkConductor(clock, session, BAR)
    async with asyncio.timeout(20):
        while change is not Change.STOP:
            await asyncio.sleep(0.03)
            now = Nanos(monotonic_ns())
            if change := conductor.watch(now):
                say(change=change.name, bpm=session.bpm)
            elif clock.tick_at(now):
                say(at=now, tick=clock.tick_at(now))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    asyncio.run({"lead": lead, "follow": follow}[sys.argv[1]]())
