"""The folder of journals: what is in it, what becomes of it, and a server that is killed and comes back."""

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path
from queue import Queue
from threading import Timer
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from clients.live import LiveClient
from music.files import read_midi
from music.time import Nanos, Tick
from server.cli import app
from server.journals import Journal, Journals, claimed, read_journal
from server.seat import Seat
from streaming.journal import MAGIC, Journaled
from streaming.messages import Plan, PlayedNote, Start
from streaming.truth import Truth
from tests.server.processes import free_port, server_process
from tests.server.running import PATIENCE_S, Running, run_server
from tests.server.test_connection import until


class Clock:
    """Ticks at 120 bpm, from its making on."""

    def __init__(self) -> None:
        self._began = time.monotonic_ns()

    def __call__(self) -> Tick:
        return Tick((time.monotonic_ns() - self._began) * 960 // 1_000_000_000)


async def until_plan(live: LiveClient, answers: int) -> list[Plan]:
    plans: list[Plan] = []
    async with asyncio.timeout(PATIENCE_S):
        async for message in live:
            if isinstance(message, Plan):
                plans.append(message)
                if message.commit and (message.answers_seq or 0) >= answers:
                    return plans
    raise AssertionError("the server said bye")


def humans(content: bytes) -> Counter[tuple[int, int]]:
    score = read_midi(content)
    (human,) = [i for i, part in enumerate(score.parts) if part.name.startswith("Human")]
    return Counter((note.onset, note.pitch) for note in score.notes if note.part == human)


async def test_a_killed_server_loses_no_note_and_doubles_none(tmp_path: Path) -> None:
    port, clock, played = free_port(), Clock(), Counter[tuple[int, int]]()
    url = f"ws://127.0.0.1:{port}/v1/live"

    async def key(live: LiveClient, pitch: int) -> int:
        tick = clock()
        played[tick, pitch] += 1
        seq = await live.note(tick, pitch, 90)
        await asyncio.sleep(0.02)
        await live.note(clock(), pitch, 0)
        return seq

    with server_process(port, journal=tmp_path, engine="torch") as first_server:
        first = LiveClient(url, tick=clock, keep_s=60)
        await first.__aenter__()
        await first.start(mode="duet")
        for pitch in (60, 62, 64):
            seq = await key(first, pitch)
        told = await until_plan(first, seq)
        await key(first, 65)  # perhaps it was heard, and perhaps not
        first_server.kill()
        first_server.wait()
        with pytest.raises(Exception, match="expected"):
            await until_plan(first, 1000)
        for pitch in (67, 69):
            tick = clock()
            played[tick, pitch] += 1
            first.note_later(tick, pitch, 90)
            first.note_later(tick + 50, pitch, 0)
        await first.__aexit__(None, None, None)
    with server_process(port, journal=tmp_path, engine="torch") as second_server:
        async with LiveClient(url, tick=clock, keep_s=60, resume=first) as second:
            assert second.welcome is not None
            assert first.welcome is not None
            assert second.welcome.resumed
            assert second.welcome.session == first.welcome.session
            plans = await until_plan(second, await key(second, 71))
            assert plans[0].silence, "what was planned before is void"
            before = {note.id for plan in told for note in plan.add}
            assert not before & {note.id for plan in plans for note in plan.add}
            content = await second.recording()
            assert humans(content).keys() >= played.keys() - {max(played)}
        second_server.send_signal(signal.SIGTERM)
        second_server.wait()
    (journal,) = tmp_path.glob("*.journal")
    out = tmp_path / "set.mid"
    result = CliRunner().invoke(app, ["replay", str(journal), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "note for note the set that was played" in result.output
    drawn, of = result.output.split(". ")[-1].split(" tokens")[0].split(" of ")
    assert drawn == of
    assert int(drawn) > 0
    assert humans(out.read_bytes()) == played
    assert b"cut" in out.read_bytes()


async def test_a_set_that_is_over_can_be_had_from_its_journal(tmp_path: Path) -> None:
    with run_server(journal=tmp_path) as running:
        url = f"ws://127.0.0.1:{running.port}/v1/live"
        async with LiveClient(url, tick=lambda: Tick(600)) as live:
            await live.start(mode="answer")
            await live.note(0, 60, 90)
            await live.note(333, 60, 0)
            async with asyncio.timeout(PATIENCE_S):
                while b"\x90" not in await live.recording():
                    await asyncio.sleep(0.01)
            assert live.welcome is not None
            name = live.welcome.session
        await until(running, 0)
        running.stage.played.clear()
        response = httpx.get(f"{running.http}/v1/sessions/{name}.mid", trust_env=False)
        assert humans(response.content) == {(0, 60): 1}
        for wrong in ("nobody", "*", name[:7] + "_"):
            assert httpx.get(f"{running.http}/v1/sessions/{wrong}.mid", trust_env=False).status_code == 404
    (path,) = tmp_path.iterdir()
    assert read_journal(path).truth.is_over
    assert path.stat().st_mode & 0o077 == 0
    assert live.welcome.resume.encode() not in path.read_bytes()


async def test_a_session_that_is_over_or_has_no_patience_does_not_go_on(tmp_path: Path) -> None:
    for keep_s, is_cut in ((0.0, True), (30.0, False)):
        with run_server(journal=tmp_path) as running:
            async with LiveClient(f"ws://127.0.0.1:{running.port}/v1/live", keep_s=keep_s) as live:
                await live.start(mode="duet")
                await until(running, 1)
                if is_cut:
                    assert live._socket is not None
                    live._socket.transport.abort()
            await until(running, 0)
        with run_server(journal=tmp_path) as running:
            async with LiveClient(f"ws://127.0.0.1:{running.port}/v1/live", resume=live) as again:
                assert again.welcome is not None
                assert not again.welcome.resumed


def client_of(running: Running, **options: Any) -> LiveClient:
    return LiveClient(f"ws://127.0.0.1:{running.port}/v1/live", tick=lambda: Tick(9), **options)


@pytest.mark.parametrize("is_noticed", [True, False])
async def test_a_server_hands_a_session_over_to_another_one_that_its_client_has_come_to(
    tmp_path: Path, is_noticed: bool
) -> None:
    with run_server(journal=tmp_path) as one, run_server(journal=tmp_path) as other:
        live = client_of(one, keep_s=30)
        await live.__aenter__()
        await live.start(mode="duet")
        seq = await live.note(0, 60, 90)
        await until_plan(live, seq)
        for server in (other, one):  # and back
            assert live._socket is not None
            if is_noticed:
                live._socket.transport.abort()
            again = client_of(server, keep_s=30, resume=live)
            await again.__aenter__()
            assert again.welcome is not None
            assert live.welcome is not None
            assert again.welcome.resumed
            assert (again.welcome.session, again.welcome.last_seq) == (live.welcome.session, seq)
            (plan, *_) = await until_plan(again, seq := await again.note(2000, 64, 90))
            assert plan.silence
            await live.__aexit__(None, None, None)
            live = again
        assert (one.stage.host.status().sessions, other.stage.host.status().sessions) == (1, 0)
        assert (one.stage.diary.ended["moved"], other.stage.diary.ended["moved"]) == (1, 1)
        await live.__aexit__(None, None, None)
        assert not any((tmp_path / "wanted").iterdir())


async def test_a_server_without_a_place_leaves_a_session_where_it_is(tmp_path: Path) -> None:
    with run_server(journal=tmp_path) as one, run_server(journal=tmp_path, max_sessions=1) as other:
        async with client_of(other) as somebody, client_of(one, keep_s=30) as live:
            await somebody.start()
            await live.start(mode="duet")
            await until_plan(live, await live.note(0, 60, 90))
            async with client_of(other, resume=live) as elsewhere:
                assert elsewhere.welcome is not None
                assert not elsewhere.welcome.resumed
            assert one.stage.host.status().sessions == 1


async def test_a_server_that_cannot_hand_over_keeps_a_session_until_it_ends(tmp_path: Path) -> None:
    journals = Journals(tmp_path, most_mb=1, most_days=1)
    journals.start()
    journal = journals.begin("0123abcd", 1, "secret", {"keep_s": 60})
    Journaled(Start(), capacity=1024, write=journal.write, about=journal.about)
    other = Journals(tmp_path, most_mb=1, most_days=1)
    other.start()
    assert other.find("secret") is None
    journals.stop()
    found = other.find("secret")
    other.stop()
    assert found is not None
    assert found.file is not None
    found.file.close()


async def test_after_a_servers_stop_a_patient_client_goes_on_in_the_next(tmp_path: Path) -> None:
    with run_server(journal=tmp_path) as running:
        live = LiveClient(f"ws://127.0.0.1:{running.port}/v1/live", tick=lambda: Tick(9), keep_s=30)
        await live.__aenter__()
        await live.start(mode="duet")
        seq = await live.note(0, 60, 90)
        await until_plan(live, seq)
        await asyncio.sleep(0)
    await live.__aexit__(None, None, None)
    with run_server(journal=tmp_path) as running:
        url = f"ws://127.0.0.1:{running.port}/v1/live"
        async with LiveClient(url, tick=lambda: Tick(2000), resume=live, keep_s=30) as again:
            assert again.welcome is not None
            assert again.welcome.resumed
            assert again.welcome.last_seq == seq
            (plan, *_) = await until_plan(again, await again.note(2000, 64, 90))
            assert plan.silence


@pytest.mark.parametrize("tail", [b"\x00", b"\xff" * 30])
async def test_a_torn_tail_is_cut_off_and_said_once(
    tmp_path: Path, tail: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    journals = Journals(tmp_path, most_mb=1, most_days=1)
    journals.start()
    journal = journals.begin("0123abcd", 1, "secret", {"keep_s": 60})
    Journaled(Start(), capacity=1024, write=journal.write, about=journal.about)
    journals.stop()
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + tail)
    later = Journals(tmp_path, most_mb=1, most_days=1)
    later.start()
    found = later.find("secret")
    assert found is not None
    assert len([record for record in caplog.records if "cut off" in record.getMessage()]) == 1
    assert later.find("another") is None
    found.truth.go_on()
    again = later.go_on(found, {})
    Journaled(Start(), capacity=1024, write=again.write, about={}, truth=found.truth)
    assert later.find("secret") is None, "it goes on already"
    later.stop()
    kept = journal.path.read_bytes()
    assert kept.startswith(whole)
    assert b"resume" in kept[len(whole) :]
    assert read_journal(journal.path).truth.lives == 1


def test_the_oldest_sets_are_pruned_and_those_that_play_stay(tmp_path: Path) -> None:
    def old(name: str, size: int, days: float) -> Path:
        path = tmp_path / f"{name}-1-x.journal"
        path.write_bytes(bytes(size))
        os.utime(path, (time.time() - days * 86_400,) * 2)
        return path

    ancient, large, fresh = old("a" * 8, 1, 40), old("b" * 8, 900_000, 2), old("c" * 8, 200_000, 1)
    journals = Journals(tmp_path, most_mb=1, most_days=30)
    journals.start()
    journal = journals.begin("0123abcd", 1, "secret", {})
    journal.write(b"x")
    journals.stop()
    assert {ancient.exists(), large.exists()} == {False}
    assert fresh.exists()
    assert journal.path.read_bytes() == MAGIC + b"x"


def test_a_journal_that_cannot_be_written_or_grows_too_large_ends_with_one_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder, frame in ((tmp_path / "file", b"x"), (tmp_path, bytes(1_100_000))):
        caplog.clear()
        journals = Journals(folder, most_mb=1, most_days=30)
        journals.start()
        journal = journals.begin("0123abcd", 1, "secret", {})
        for _ in range(3):
            journal.write(frame)
        journals.stop()
        assert len(caplog.records) == 1
        assert "nothing more of this session is kept" in caplog.text


def test_frames_that_pile_up_end_the_journal_and_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    queue: Queue[Any] = Queue(2)
    journal = Journal(Path("x"), {}, queue)
    for _ in range(5):
        journal.write(b"x")
    journal.close()
    assert len(caplog.records) == 1
    assert queue.qsize() == 2


def test_after_a_long_cut_the_clock_goes_on_and_each_note_is_heard_as_of_its_own_tick() -> None:
    truth = Truth(Start(mode="duet"))
    truth.reach(Tick(1000))
    truth.go_on()
    seat = Seat(
        truth.start,
        lambda message: None,
        capacity=1024,
        inbox_messages=4,
        journal=Journal(Path("x"), {}, Queue(9999)),
        truth=truth,
    )
    seat.expect_what_was_missed()
    ticks = range(1100, 31_100, 100)
    for tick in ticks:
        seat.deliver(PlayedNote(tick=tick, pitch=60, velocity=80), Nanos(0))
        seat.deliver(PlayedNote(tick=tick + 50, pitch=60), Nanos(0))
    assert seat.tick_at(Nanos(0)) is None
    seat.hear_clock(40_000, Nanos(0))
    now = seat.tick_at(Nanos(0))
    assert now == 40_000
    seat.read_inbox(Nanos(0))
    assert [(note.onset, note.duration) for note in seat.session.recorded()().notes] == [(tick, 50) for tick in ticks]


def test_a_client_may_be_back_before_its_dying_server_has_let_go_of_its_journal(tmp_path: Path) -> None:
    journals = Journals(tmp_path, most_mb=1, most_days=1)
    journals.start()
    journal = journals.begin("0123abcd", 1, "secret", {"keep_s": 60})
    Journaled(Start(), capacity=1024, write=journal.write, about=journal.about)
    journals.stop()
    later = Journals(tmp_path, most_mb=1, most_days=1)
    later.start()
    dying = claimed(journal.path)
    assert dying is not None
    Timer(0.05, dying.close).start()
    found = later.find("secret")
    later.stop()
    assert found is not None
    assert found.file is not None
    found.file.close()
