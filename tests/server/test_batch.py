"""Pieces beside players: who goes first, how much of a turn they take, and who ends when something breaks."""

from collections.abc import Callable
from typing import Any

import pytest

from model.engine.together import Writer
from model.engine.work import Draw, Drawn, Sampling, Step
from model.fill import Filling
from model.generate import plain
from music.score import Note, Part, Score
from music.time import Tick
from server.batch import AT_ONCE, IDLE_TOKENS, SEQUENCES, SHARED_TOKENS, Batch, Piece
from server.composing import Order
from streaming.messages import ClientHeartbeat, PlayedNote
from tests.server.fakes import FakeEngine, FakeSequence, ScriptedSession
from tests.server.test_host import House, script

DRAW = Draw(allowed=((10, 20),))


class Scripted(Order):
    """Opens a sequence, reads a prompt, draws some tokens and says how many."""

    __slots__ = ("prompt", "steps")

    def __init__(self, prompt: int = 3, steps: int = 4) -> None:
        object.__setattr__(self, "prompt", prompt)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "size", steps)

    def write(self, engine: Any, seed: int, progress: Callable[[], object] = lambda: None) -> Writer[Any, list[Note]]:
        sequence = engine.open(seed)
        try:
            append: tuple[int, ...] = tuple(range(self.prompt))  # type: ignore[attr-defined]
            drawn, length = list[int](), 0
            for _ in range(self.steps):  # type: ignore[attr-defined]
                step = Step(keep=length, append=append, draw=DRAW)
                length += len(append)
                append = yield sequence, step
                drawn += append
                progress()
            return drawn  # type: ignore[return-value]
        finally:
            sequence.close()


@pytest.fixture(autouse=True)
def scripted_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.seat.Session", ScriptedSession)


class Told:
    """What became of pieces."""

    def __init__(self) -> None:
        self.ended: list[tuple[Piece, Any]] = []
        self.bars = 0

    def piece(self, order: Order | None = None, seed: int = 0) -> Piece:
        return Piece(order or Scripted(), seed, lambda piece, got: self.ended.append((piece, got)), self._bar)

    def _bar(self) -> None:
        self.bars += 1


class Counting(FakeEngine):
    """Knows the tokens of each run."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[Step]] = []

    def run(self, work: Any) -> list[Drawn]:
        self.steps.append([step for _, step in work])
        return super().run(work)

    @property
    def tokens(self) -> list[int]:
        return [sum(max(1, len(step.append)) for step in steps) for steps in self.steps]

    @property
    def open_now(self) -> int:
        return sum(not sequence.is_closed for sequence in self.sequences)


def write_all(batch: Batch, engine: FakeEngine, most: int = IDLE_TOKENS) -> None:
    while batch.has_work:
        batch.turn(engine, most)


def test_pieces_share_the_passes_and_each_ends_with_what_it_has_written() -> None:
    batch, engine, told = Batch(), Counting(), Told()
    batch.add(told.piece(seed=i) for i in range(AT_ONCE + 2))
    write_all(batch, engine)
    assert len(told.ended) == AT_ONCE + 2
    assert all(len(got) == 4 for _, got in told.ended)
    assert told.bars == 4 * (AT_ONCE + 2)
    assert max(map(len, engine.batches)) == AT_ONCE
    assert engine.open_now == 0


def test_a_piece_is_the_same_however_its_prompt_is_cut() -> None:
    results = []
    for most in (1, 7, 1000):
        batch, engine, told = Batch(), Counting(), Told()
        batch.add([told.piece(Scripted(prompt=50), seed=3)])
        write_all(batch, engine, most)
        results.append([got for _, got in told.ended])
        assert max(engine.tokens) <= max(most, 1)
        (sequence,) = engine.sequences
        assert sequence.length == 53  # the prompt, and all but the last token
    assert results[0] == results[1] == results[2]


def test_all_get_their_turn_where_a_turn_is_too_short_for_all() -> None:
    batch, engine, told = Batch(), Counting(), Told()
    batch.add(told.piece(Scripted(prompt=1, steps=10)) for _ in range(AT_ONCE))
    for _ in range(AT_ONCE):
        batch.turn(engine, 2)
    assert [sequence.length for sequence in engine.sequences] == [2] * AT_ONCE


class Anew(Scripted):
    """Begins another context after its first token."""

    __slots__ = ()

    def write(self, engine: Any, seed: int, progress: Callable[[], object] = lambda: None) -> Writer[Any, list[Note]]:
        for _ in range(2):
            yield from super().write(engine, seed, progress)
        return []


def test_a_turn_begins_one_context_anew_and_leaves_the_next_to_the_next() -> None:
    batch, engine, told = Batch(), Counting(), Told()
    batch.add(told.piece(Anew(prompt=20, steps=1)) for _ in range(3))
    batch.turn(engine, 1000)
    opened = [len(engine.sequences)]
    for _ in range(3):
        batch.turn(engine, 1000)
        opened.append(len(engine.sequences))
    assert opened[:3] == [4, 5, 6]
    write_all(batch, engine)
    assert [got for _, got in told.ended] == [[]] * 3
    assert engine.open_now == 0


def test_players_go_first_and_leave_a_turn_of_few_tokens() -> None:
    house, told = House(), Told()
    house.engine = house.host._thread._engine = engine = Counting()
    seat = house.seat()
    house.host.turn()  # opens its sequence
    script(seat).steps = 3
    house.host.write([told.piece(Scripted(prompt=100), seed=i) for i in range(3)])
    house.host.deliver(seat, PlayedNote(seq=1, tick=0, pitch=60, velocity=80))
    for _ in range(3):
        house.host.turn()
    own = seat.sequence
    assert engine.batches == [[own]] * 3  # nothing of the pieces while the session has anything to compute
    house.host.turn()
    assert own not in engine.batches[-1]
    assert engine.tokens[-1] == SHARED_TOKENS
    house.host.close(seat)
    house.host.turn()
    assert engine.tokens[-1] == IDLE_TOKENS


def test_a_player_who_comes_has_room_while_pieces_are_written() -> None:
    house, told = House(max_sessions=1), Told()
    house.engine.places = 2 * 1 + 1 + SEQUENCES
    score = Score((Part(0), Part(0)), tuple(Note(Tick(i * 480), 1, 60, 80, 480) for i in range(64)))
    filling = Filling.of(score, machines=1, first=Tick(0), end=Tick(8 * 1920), capacity=2048)
    order = Order(filling, plain(Sampling()), 8)
    house.host.write([told.piece(order, seed=i) for i in range(3 * AT_ONCE)])
    most = 0
    for _ in range(200):
        house.host.turn()
        most = max(most, sum(not sequence.is_closed for sequence in house.engine.sequences))
    assert AT_ONCE <= most <= SEQUENCES
    seat = house.seat()
    house.host.turn()
    assert isinstance(seat.sequence, FakeSequence)
    assert not any(isinstance(got, Exception) for _, got in told.ended)


def test_a_piece_that_is_given_up_frees_its_place_at_once() -> None:
    batch, engine, told = Batch(), Counting(), Told()
    pieces = [told.piece(Scripted(steps=1000)) for _ in range(3)]
    batch.add(pieces)
    batch.turn(engine, IDLE_TOKENS)
    assert engine.open_now == 3
    for piece in pieces[:2]:
        piece.is_wanted = False
    batch.turn(engine, IDLE_TOKENS)
    assert engine.open_now == 1
    assert told.ended == []


class Bad(Order):
    __slots__ = ("when",)

    def __init__(self, when: str) -> None:
        object.__setattr__(self, "when", when)
        object.__setattr__(self, "size", 1)

    def write(self, engine: Any, seed: int, progress: Callable[[], object] = lambda: None) -> Writer[Any, list[Note]]:
        if self.when == "first":  # type: ignore[attr-defined]
            raise ValueError("first")
        sequence = engine.open(seed)
        keep = 99 if self.when == "refused" else 0  # type: ignore[attr-defined]
        yield sequence, Step(keep=keep, append=(1,), draw=DRAW)
        raise ValueError("later")


@pytest.mark.parametrize("when", ["first", "refused", "later"])
def test_a_piece_that_breaks_ends_alone(when: str) -> None:
    batch, engine, told = Batch(), Counting(), Told()
    good, bad = [told.piece(seed=i) for i in range(3)], told.piece(Bad(when))
    batch.add([*good[:2], bad, good[2]])
    write_all(batch, engine)
    ended = dict(told.ended)
    assert isinstance(ended.pop(bad), Exception)
    assert [len(got) for got in ended.values()] == [4] * 3


def test_a_broken_engine_ends_all_of_them() -> None:
    house, told = House(), Told()
    house.host.write([told.piece(seed=i) for i in range(AT_ONCE + 3)])
    house.host.turn()
    house.engine.breaks = True
    house.host.start()
    house.host._thread._thread.join(10)
    assert [str(got) for _, got in told.ended] == ["the engine failed: out of memory"] * (AT_ONCE + 3)
    assert house.host.status().failure


def test_the_clock_of_nobody_is_needed_to_write() -> None:
    house, told = House(), Told()
    seat = house.seat(heard=False)
    house.host.write([told.piece()])
    while not told.ended:
        assert house.host.turn()
    house.host.heartbeat(seat, ClientHeartbeat(tick=0))
    assert not house.host.turn()


def test_a_prompt_that_several_pieces_share_is_read_once_and_they_are_what_they_would_be_alone() -> None:
    order = Scripted(prompt=50)
    alone = []
    for seed in range(12):
        batch, engine, told = Batch(), Counting(), Told()
        batch.add([told.piece(order, seed=seed)])
        write_all(batch, engine)
        alone += [got for _, got in told.ended]
    batch, engine, told = Batch(), Counting(), Told()
    batch.add(told.piece(order, seed=seed) for seed in range(12))
    write_all(batch, engine, 7)
    assert sorted((piece.seed, got) for piece, got in told.ended) == list(enumerate(alone))
    assert sum(engine.tokens) == 49 + 12 * 4, "the prompt but for its last token, then a token for each draw"
    assert max(engine.tokens) <= 7
    assert engine.open_now == 0


def test_who_waits_for_a_prompt_reads_it_when_its_reader_is_given_up() -> None:
    batch, engine, told = Batch(), Counting(), Told()
    order = Scripted(prompt=50)
    pieces = [told.piece(order, seed=seed) for seed in range(3)]
    batch.add(pieces)
    batch.turn(engine, 20)
    assert engine.open_now == 1
    pieces[0].is_wanted = False
    write_all(batch, engine)
    assert {piece.seed for piece, _ in told.ended} == {1, 2}
    assert engine.open_now == 0


def test_without_room_for_a_copy_everybody_reads_the_prompt() -> None:
    batch, engine, told = Batch(), Counting(), Told()
    engine.places = 1
    order = Scripted(prompt=50)
    batch.add(told.piece(order, seed=seed) for seed in range(2))
    batch.turn(engine, 1000)
    engine.places = 2
    write_all(batch, engine)
    assert sum(engine.tokens) == 2 * (50 + 3)
    assert [len(got) for _, got in told.ended if not isinstance(got, Exception)] == [4, 4]


def test_each_order_has_a_prompt_of_its_own() -> None:
    batch, engine, told = Batch(), Counting(), Told()
    for prompt in (50, 60):
        order = Scripted(prompt=prompt)
        batch.add(told.piece(order, seed=seed) for seed in range(3))
    write_all(batch, engine)
    assert len(told.ended) == 6
    assert sum(engine.tokens) == 49 + 3 * 4 + 59 + 3 * 4
    assert engine.open_now == 0
