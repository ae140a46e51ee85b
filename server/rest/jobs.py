"""Generations from their asking to their end. Lives on the event loop; disk and parsing have a thread each.

Live sessions go first on the engine: the host sees to that. What is on disk is the truth; what is here is how far the
unfinished ones are. Knows no route.
"""

import asyncio
import json
import logging
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from music.errors import BadSetting, TradefoursError
from music.files import write_midi
from music.score import Note
from server.batch import Piece
from server.composing import AnyOrder, prepare, prepare_solo, score_of
from server.diary import Diary
from server.host import SessionHost
from server.rest.errands import Errands
from server.rest.job import Job, generation_of
from server.rest.problems import Problem
from server.rest.store import Row, Store
from server.stage import STOPPING
from streaming.generations import Generation, GenerationRequest, GenerationStatus

MOST_WORK: Final = 4096  # bars, or seconds, of all pieces of one generation
EVENT_S: Final = 0.1  # between two events of one listener, however fast it goes
FED: Final = 8  # pieces that wait at the engine: enough that it never waits for the next generation

log = logging.getLogger(__name__)
R = TypeVar("R")


class Jobs:
    def __init__(
        self,
        folder: Path,
        host: SessionHost,
        diary: Diary,
        *,
        model: str,
        weights: str,
        most: int,
        each: int | None,
        hours: int,
        mb: int,
    ) -> None:
        """`most` may wait or be written, `each` of one caller's."""
        self._diary = diary
        self._host, self._model, self._weights = host, model, weights
        self._most, self._each = most, each
        self._jobs: dict[str, Job] = {}  # in the order in which they are written
        self._admitting = Counter[str]()  # by callers
        self._is_closing = False
        self._news = asyncio.Event()
        self._errands = Errands(folder, hours=hours, mb=mb)
        self._tasks = set[asyncio.Task[Any]]()

    # ---- life ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Go on with what an earlier server has left."""
        self._keep(asyncio.create_task(self._feed()))
        if self._errands.has_store:
            try:
                store = await self._errands.store()
            except Problem as problem:  # players need none of it
                log.warning("%s", problem)
                return
            for row, done in await self._errands.on_disk(store.unfinished):
                self._begin(Job(row, GenerationRequest.model_validate_json(row.request), set(done)))

    def by_status(self) -> dict[str, int]:
        """How many of those that have not ended wait, and how many are written. Any thread."""
        jobs = list(self._jobs.values())
        running = sum(job.status == "running" for job in jobs)
        return {"queued": len(jobs) - running, "running": running}

    def let_go(self) -> None:
        """Nobody waits any longer."""
        self._is_closing = True
        for job in self._jobs.values():
            job.tell()

    async def close(self) -> None:
        """What is not finished goes on in the next server."""
        self.let_go()
        for job in self._jobs.values():
            job.give_up()
            self._diary.job(job.row.id, "put_back")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._errands.close()

    # ---- what clients ask --------------------------------------------------------------------------------

    async def ask(self, request: GenerationRequest, midi: bytes | None, key: str | None, caller: str) -> Generation:
        """Raises Problem."""
        if request.model not in ("", self._model):
            raise Problem(422, "bad_model", f"expected the network {self._model}, got {request.model!r}")
        if problem := self.no_room(caller):
            raise problem
        self._admitting[caller] += 1  # counted before anything waits, so that many at once are not too many
        try:
            return await self._admit(request, midi, key, caller)
        finally:
            self._admitting[caller] -= 1
            self._admitting += Counter()  # forget who asks for nothing

    def no_room(self, caller: str) -> Problem | None:
        """Why another one of this caller's is refused."""
        if len(self._jobs) + self._admitting.total() >= self._most:
            return _full(self._most)
        if self._each is not None:
            own = sum(job.caller == caller for job in self._jobs.values())
            if own + self._admitting[caller] >= self._each:
                return _full(self._each)
        return None

    async def find(self, id: str) -> Generation:
        """Raises Problem where there is none, or none any more."""
        if (job := self._jobs.get(id)) and job.status != "cancelled":
            return job.seen(list(self._jobs).index(id))
        found = await self._errands.on_disk((await self._errands.store()).find, id) if self._errands.has_store else None
        if found is None:
            raise Problem(404, "not_found", f"expected a generation, got {id!r}")
        row, done = found
        status = "cancelled" if job else row.status
        if status in ("cancelled", "expired"):
            raise Problem(410, status, f"expected a generation that is kept, got one that is {status}")
        request = GenerationRequest.model_validate_json(row.request)
        return generation_of(row, request, status, done, 1.0 if status == "succeeded" else 0.0, None, row.reason)

    async def events(self, id: str) -> AsyncIterator[Generation]:
        """What it is now, and after every change until it has ended, or the server does. Raises Problem, here."""
        return self._changes(id, self._jobs.get(id), await self.find(id))

    async def _changes(self, id: str, job: Job | None, seen: Generation) -> AsyncIterator[Generation]:
        while True:
            changed = job.changed if job else None
            try:
                seen = await self.find(id)
            except Problem:  # it was cancelled while somebody listened
                seen = seen.model_copy(update={"status": "cancelled"})
            yield seen
            if seen.is_over or changed is None or self._is_closing:
                return
            await changed.wait()
            await asyncio.sleep(EVENT_S)

    async def wait(self, id: str, seconds: float) -> Generation:
        """As it is when it has ended, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for seen in await self.events(id):
                    if seen.is_over:
                        return seen
        return await self.find(id)

    async def cancel(self, id: str) -> None:
        """Nothing of it is kept. Again does nothing. Raises Problem where there never was one."""
        try:
            await self.find(id)
        except Problem as problem:
            if problem.status == 410:
                return
            raise
        await self._end(id, "cancelled", None)

    async def piece(self, id: str, number: int) -> bytes:
        """A MIDI file. Raises Problem where it cannot be had yet, or never."""
        seen = await self.find(id)
        if not 1 <= number <= seen.variations:
            raise Problem(404, "not_found", f"expected a piece of 1 to {seen.variations}, got {number}")
        midi = await self._errands.on_disk((await self._errands.store()).piece, id, number)
        if midi is None:
            raise self.not_yet(seen)
        return midi

    def not_yet(self, seen: Generation) -> Problem:
        if seen.is_over:
            return Problem(409, "failed", f"expected a generation that succeeded, got one that failed: {seen.reason}")
        return Problem(409, "not_ready", f"expected a finished piece, got one that is {seen.status}", retry_after="1")

    # ---- inside ------------------------------------------------------------------------------------------

    async def _admit(self, request: GenerationRequest, midi: bytes | None, key: str | None, caller: str) -> Generation:
        store = await self._writable()
        asked = await self.read(lambda: json.dumps(request.model_dump(mode="json"), sort_keys=True))
        fingerprint = sha256(asked.encode() + b"\0" + (midi or b"")).hexdigest()
        if key is not None and (known := await self._known(store, key, fingerprint)):
            return known
        order = await self._prepared(request, midi)
        if order.size * request.variations > MOST_WORK:
            got, most = f"{request.variations} of {order.size} {order.unit}", f"{MOST_WORK} {order.unit}"
            raise Problem(422, "too_long", f"expected at most {most} in all pieces together, got {got}")
        id = secrets.token_hex(8)
        row = Row(id, asked, midi, order.size, request.variations, self._model, self._weights, fingerprint)
        added = await self._errands.on_disk(store.add, row, key, time.time())
        if not added and key is not None and (known := await self._known(store, key, fingerprint)):  # twice at once
            return known
        job = Job(row, request, set(), caller=caller)
        self._begin(job)
        return job.seen(len(self._jobs) - 1)

    async def _known(self, store: Store, key: str, fingerprint: str) -> Generation | None:
        found = await self._errands.on_disk(store.find_key, key)
        if found is None:
            return None
        if found[0].fingerprint != fingerprint:
            raise Problem(422, "key_reused", f"expected the same request with Idempotency-Key {key!r}, got another")
        return await self.find(found[0].id)

    async def _prepared(self, request: GenerationRequest, midi: bytes | None) -> AnyOrder:
        def work() -> AnyOrder:
            prompt = score_of(request) if midi is None else self._errands.midi.read(midi)
            host = self._host
            return prepare_solo(request, prompt) if host.is_solo else prepare(request, prompt, host.capacity)

        try:
            return await self.read(work)
        except TradefoursError as error:
            raise Problem(422, "bad_midi" if midi is not None else "bad_request", str(error)) from None

    def _begin(self, job: Job) -> None:
        self._jobs[job.row.id] = job
        self._diary.job(job.row.id, "queued")
        self._news.set()

    async def _feed(self) -> None:
        """Hand generations to the engine, in turn, as it gets through them."""
        while True:
            self._news.clear()
            at_engine = sum(len(job.pieces) for job in self._jobs.values())
            job = next((job for job in self._jobs.values() if job.status == "queued"), None)
            if job is None or at_engine >= FED:
                await self._news.wait()
                continue
            try:
                await self._start(job)
            except Exception as error:
                if not isinstance(error, TradefoursError | Problem):
                    log.exception("a generation failed")
                await self._end(job.row.id, "failed", str(error))

    async def _start(self, job: Job) -> None:
        row = job.row
        if row.weights != self._weights:
            raise BadSetting(f"expected the network {row.model} ({row.weights}), got {self._model} ({self._weights})")
        store = await self._errands.store()
        order = await self._prepared(job.request, await self._errands.on_disk(store.prompt, row.id))
        if job.status != "queued":  # cancelled meanwhile, though that may not be on disk yet
            return
        loop, job.status = asyncio.get_running_loop(), "running"

        def soon(work: Callable[..., object], *given: object) -> None:
            with suppress(RuntimeError):  # the loop has ended, and the server with it
                loop.call_soon_threadsafe(work, *given)

        def piece(number: int) -> Piece:
            seed = job.request.seed + number - 1
            return Piece(order, seed, lambda _, got: soon(self._written, job, number, got), lambda: soon(job.tell))

        job.pieces = {number: piece(number) for number in range(1, row.variations + 1) if number not in job.done}
        self._host.write(list(job.pieces.values()))
        self._diary.job(row.id, "running")
        job.tell()

    def _written(self, job: Job, number: int, got: list[Note] | Exception) -> None:
        if number in job.pieces and job.pieces[number].is_wanted:
            self._keep(asyncio.create_task(self._save(job, number, got)))

    async def _save(self, job: Job, number: int, got: list[Note] | Exception) -> None:
        if isinstance(got, Exception):
            await self._end(job.row.id, "failed", str(got) or type(got).__name__)
            return
        order, store = job.pieces[number].order, await self._errands.store()
        try:
            midi = await self.read(lambda: write_midi(order.whole(got)))
            ended = await self._errands.on_disk(store.add_piece, job.row.id, number, midi, time.time())
        except Exception as error:  # a disk that is full, say
            log.exception("a piece could not be kept")
            await self._end(job.row.id, "failed", f"expected to keep piece {number}, got: {error}")
            return
        job.done.add(number)
        job.pieces.pop(number, None)
        if ended:
            job.status = "succeeded"
            self._forget(job)
        job.tell()
        self._news.set()

    async def _end(self, id: str, status: GenerationStatus, reason: str | None) -> None:
        if job := self._jobs.get(id):
            job.status, job.reason = status, reason
            job.give_up()
        try:
            await self._errands.on_disk((await self._errands.store()).end, id, status, reason, time.time())
        except Exception:
            log.exception("the end of a generation could not be kept")
        finally:
            if job:
                self._forget(job)

    def _forget(self, job: Job) -> None:
        """Its end is on disk."""
        job.pieces.clear()
        if self._jobs.pop(job.row.id, None):
            self._diary.job(job.row.id, job.status, reason=job.reason, took_ns=time.monotonic_ns() - job.began_ns)
        job.tell()
        self._news.set()

    async def _writable(self) -> Store:
        trouble = STOPPING if self._is_closing else self._host.health().failure
        if trouble:
            raise Problem(503, "unavailable", f"expected a server that can write, got: {trouble}", retry_after="10")
        return await self._errands.store()

    async def read(self, work: Callable[[], R]) -> R:
        """Off the event loop, one at a time."""
        return await self._errands.read(work)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _full(most: int) -> Problem:
    reason = f"expected fewer than {most} generations that wait, got one more"
    return Problem(429, "full", reason, retry_after="10")
