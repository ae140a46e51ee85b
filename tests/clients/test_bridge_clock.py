"""The bridge and a DAW's clock, through real ports: notes on its beats, silence when it stops, and our own clock."""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from streaming.messages import ClientHeartbeat, Plan, PlannedNote
from tests.clients.fake_server import FakeServer, serving
from tests.clients.midi_peers import Heard, Sequencer, hanging
from tests.clients.test_bridge import OFF, ON, bridge, fifth_above, peers, play

MS = 1_000_000
PULSE, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"
BEAT, AHEAD = 480, 600
TAP = 80  # the controller that beats the tempo

pytestmark = pytest.mark.jack


class Metronome:
    """Plans a note on every beat, as heartbeats tell where the clock is; its pitch is the beat in the song."""

    def __init__(self, length: int = 60) -> None:
        self._next = 0
        self._length = length

    def __call__(self, beat: ClientHeartbeat) -> Plan | None:
        if beat.tick is None or beat.bpm == 0:
            return None
        self._next = self._next if self._next * BEAT <= beat.tick + AHEAD + BEAT else 0  # a new take
        first = max(self._next, -(-beat.tick // BEAT))
        notes = tuple(
            PlannedNote(id=each, tick=each * BEAT, duration=self._length, part=1, pitch=each % 128, velocity=80)
            for each in range(first, (beat.tick + AHEAD) // BEAT + 1)
        )
        self._next = first + len(notes)
        return Plan(add=notes, commit=tuple(note.id for note in notes)) if notes else None


def pulses(*stretches: tuple[int, float], at_s: float = 0.0) -> list[tuple[float, bytes]]:
    """So many pulses at each tempo, one after the other."""
    sent = []
    for count, bpm in stretches:
        for _ in range(count):
            sent.append((at_s, PULSE))
            at_s += 60 / bpm / 24
    return sent


def onsets(heard: list[Heard]) -> dict[int, int]:
    return {event.message[1]: event.at for event in heard if event.is_on}


def errors_ms(heard: list[Heard], sent: list[int]) -> dict[int, float]:
    """Of each beat that sounded, against the pulse that was on it."""
    return {beat: (at - sent[beat * 24]) / MS for beat, at in onsets(heard).items() if beat * 24 < len(sent)}


def own_lateness_ms(song: list[tuple[float, bytes]], sent: list[int]) -> float:
    """How late half of the DAW's own messages were, each against the most punctual of the two beats before it."""
    delays = [at / MS - due_s * 1000 for (due_s, _), at in zip(song, sent, strict=True)]
    return median(delay - min(delays[max(0, i - 48) : i + 1]) for i, delay in enumerate(delays))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jack") is None, reason="needs JACK-Client")
async def test_bar_lines_agree_with_the_daw_and_its_tempo_is_followed_within_a_beat(
    jack_server: dict[str, str], tmp_path: Path
) -> None:
    """Four bars at 120 bpm, then two at 132; 3 ms are promised, more where the machine itself keeps no time."""
    server = FakeServer(plan=Metronome())
    async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (_, recorder):
        await running.says("connected")
        daw = await asyncio.to_thread(Sequencer, "Tradefours In")
        song = [(0.0, START), *pulses((4 * 96, 120), (2 * 96 + 1, 132))]
        with daw:
            started, *sent = await play(daw, *song)
        allowed = 9 + 2 * own_lateness_ms(song, [started, *sent])
        await running.says("following a MIDI clock")
        heard = await asyncio.to_thread(recorder.wait_until, lambda heard: len(onsets(heard)) >= 16)
        errors = errors_ms(heard, sent)
        print({beat: round(error, 1) for beat, error in errors.items()}, allowed)
        steady = [abs(error) for beat, error in errors.items() if 4 <= beat <= 16]
        assert len(steady) >= 8
        assert median(steady) <= allowed
        assert median(abs(error) for beat, error in errors.items() if beat >= 18) <= allowed
        assert server.starts()[-1].bpm == pytest.approx(120, rel=0.1)
        await running.stop()


async def test_a_promised_note_moves_with_a_tempo_that_turns(jack_server: dict[str, str], tmp_path: Path) -> None:
    server = FakeServer(fifth_above(60, after_ticks=4 * BEAT))
    async with (
        serving(server.handle) as url,
        bridge(url, tmp_path, tap=TAP) as running,
        peers() as (keyboard, recorder),
    ):
        await running.says("connected")
        taps = [(0.1 + i * 0.25, bytes((0xB0, TAP, 127))) for i in range(3)]
        sent = await play(keyboard, (0.0, ON), (0.05, OFF), *taps)
        (heard, *_) = await asyncio.to_thread(recorder.wait_until, lambda heard: len(onsets(heard)) >= 1)
        assert (heard.at - sent[0]) / 1e9 == pytest.approx(0.6 + (4 - 1.2) * 0.25, abs=0.2)  # and not 2
        await running.stop()


async def test_a_stop_is_silence_at_once_and_continue_goes_on(jack_server: dict[str, str], tmp_path: Path) -> None:
    server = FakeServer(plan=Metronome(length=20 * BEAT))
    async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (keyboard, recorder):
        await running.says("connected")
        beats = pulses((96, 240))
        sent = await play(keyboard, (0.0, START), *beats, (beats[-1][0] + 0.01, STOP))
        stopped = sent[-1]
        heard = await asyncio.to_thread(
            recorder.wait_until, lambda heard: len(onsets(heard)) >= 1 and not hanging(heard)
        )
        assert heard[-1].at - stopped < 30 * MS  # 10 are promised
        await asyncio.sleep(0.4)
        assert hanging(recorder.heard) == []
        before = len(recorder.heard)
        await server.until(lambda: any(isinstance(m, ClientHeartbeat) and m.bpm == 0 for m in server.heard))

        await play(keyboard, (0.0, CONTINUE), *pulses((60, 240)))
        await running.says("the clock goes on")
        again = [event for event in recorder.heard[before:] if event.is_on]
        assert again
        assert len(server.starts()) == 2  # one on connecting, one for the take: the session goes on
        await running.stop()
        assert hanging(recorder.heard) == []


async def test_keys_are_told_in_the_ticks_of_the_song(jack_server: dict[str, str], tmp_path: Path) -> None:
    """Also those of the first half beat, in which nobody knows the tempo yet."""
    server = FakeServer()
    async with serving(server.handle) as url, bridge(url, tmp_path) as running, peers() as (keyboard, _):
        await running.says("connected")
        song: list[tuple[float, bytes]] = [(0.0, b"\xf2\x00\x00"), (0.0, START), *pulses((72, 240))]
        song += [(0.05, ON), (0.1, OFF), (0.5, ON), (0.6, OFF)]
        sent = await play(keyboard, *sorted(song, key=lambda each: each[0]))
        await server.until(lambda: len(server.notes()) >= 4)
        downs = [note.tick for note in server.notes() if note.velocity]
        assert downs == [pytest.approx(96, abs=20), pytest.approx(960, abs=20)]
        first_note = next(i for i, message in enumerate(server.heard) if message in server.notes())
        assert server.heard.index(server.starts()[-1]) < first_note
        assert sent
        await running.stop()


async def test_who_waits_for_the_daw_plays_nothing_before(jack_server: dict[str, str], tmp_path: Path) -> None:
    server = FakeServer()
    options: dict[str, Any] = {"clock": "midi"}
    async with serving(server.handle) as url, bridge(url, tmp_path, **options) as running, peers() as (keyboard, _):
        await running.says("connected")
        await play(keyboard, (0.0, ON), (0.05, OFF), (0.1, START), *pulses((72, 240), at_s=0.1), (0.9, ON))
        await server.until(lambda: len(server.notes()) >= 1)
        assert [note.velocity for note in server.notes()] == [64]
        await running.stop()
