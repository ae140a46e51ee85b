"""The offset of an instrument is what its clicks come back late by, whatever else is played."""

import asyncio
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.calibrate import CLICKS, FEWEST, LISTENED, calibrate, judge

MS = 1_000_000
BEATS = [i * 600 * MS for i in range(CLICKS)]


@given(st.integers(-90, 490), st.lists(st.integers(-5, 5), min_size=CLICKS, max_size=CLICKS))
def test_taps_tell_the_lateness_within_their_own_unevenness(late_ms: int, uneven_ms: list[int]) -> None:
    keys = [beat + (late_ms + each) * MS for beat, each in zip(BEATS, uneven_ms, strict=True)]
    found = judge(BEATS, keys)
    assert abs(found.late_ms - late_ms) <= 5
    assert found.is_sure
    assert str(found).endswith(f"--offset-ms {-round(found.late_ms)}")


def test_a_few_wrong_taps_do_not_matter_and_the_first_are_not_counted() -> None:
    keys = [beat + 20 * MS for beat in BEATS]
    keys[:LISTENED] = [key + 200 * MS for key in keys[:LISTENED]]
    keys[9] += 250 * MS
    assert judge(BEATS, keys).late_ms == 20
    assert judge(BEATS, keys).heard == CLICKS - LISTENED


def test_too_few_and_too_uneven_taps_are_told() -> None:
    few = judge(BEATS, BEATS[LISTENED : LISTENED + FEWEST - 1])
    assert not few.is_sure
    assert f"got {FEWEST - 1}" in str(few)
    wild = judge(BEATS, [beat + (i % 5 - 2) * 60 * MS for i, beat in enumerate(BEATS)])
    assert not wild.is_sure
    assert "try again" in str(wild)
    assert not judge(BEATS, []).is_sure


ECHO = """
import rtmidi, sys, threading
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="Echo out")
ear = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="Echo in")
ear.set_callback(lambda event, _: threading.Timer(0.04, out.send_message, [event[0]]).start())
for port, name in ((ear, "Tradefours Out"), (out, "Tradefours In")):
    while not (found := [i for i, each in enumerate(port.get_ports()) if name in each]):
        pass
    port.open_port(found[0])
out.send_message([0x90, 60, 100])
sys.stdin.read()
"""


@pytest.mark.jack
async def test_an_instrument_that_sends_back_40_ms_later_is_found_to_be_so(
    jack_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.calibrate.EVERY_S", 0.4)
    monkeypatch.setattr("clients.calibrate.USUAL", 100_000_000)
    echo = await asyncio.create_subprocess_exec(sys.executable, "-c", ECHO, stdin=asyncio.subprocess.PIPE)
    try:
        found = await asyncio.to_thread(calibrate, None, None, "jack", wait_s=30, clicks=LISTENED + FEWEST)
    finally:
        echo.kill()
        await echo.wait()
    assert found.heard == FEWEST
    assert 38 <= found.late_ms <= 150
