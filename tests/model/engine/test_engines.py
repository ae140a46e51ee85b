"""Every engine against the plain network: whatever was rewound, appended, forked, the cache tells the truth."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from model.engine.cuda.engine import CudaEngine
from model.engine.dice import uniform
from model.engine.native.decoder import Format
from model.engine.native.engine import NativeEngine
from model.engine.native.library import NativeUnavailable, paths
from model.engine.processors import sample
from model.engine.torch_engine import TorchEngine
from model.engine.work import BadStep, Draw, Drawn, Engine, EngineFull, Follower, Sampling, Step
from model.networks.config import Sharing
from model.networks.decoder import Decoder
from model.tokens.grammar import Ranges
from model.tokens.vocabulary import VOCABULARY
from tests.chains import linked
from tests.model.needs_cuda import ON_CUDA, is_cuda, needs_cuda
from tests.model.random_networks import random_network, random_tokens

GREEDY = Sampling(temperature=0)
EVERYTHING = Draw(allowed=((0, VOCABULARY),))
NETWORKS = {sharing: random_network(sharing) for sharing in Sharing}
MOST = 4

# The float32 ways to run a network: all must agree to rounding. A library that was not built is left out, and said so.
Make = Callable[[Decoder, int], Any]
MAKERS: dict[str, Make] = {"torch": lambda network, most: TorchEngine(network, threads=1, max_sequences=most)}


def cuda(device: str) -> Make:
    def make(network: Decoder, most: int) -> CudaEngine:
        return CudaEngine(network, dtype=torch.float32, max_sequences=most, device=device)

    return make


MAKERS["cuda-on-cpu"] = cuda("cpu")
CUDA = {"cuda": cuda("cuda")}


def native(path: str, threads: int = 1) -> Make:
    def make(network: Decoder, most: int) -> NativeEngine:
        return NativeEngine(
            network, weights=Format.F32, cache=Format.F32, max_sequences=most, threads=threads, path=path
        )

    return make


try:
    MAKERS |= {f"native-{path}": native(path) for path in paths()}
    MAKERS["native-two"] = native(paths()[0], threads=2)
except NativeUnavailable:
    MAKERS |= {}


token_ids = st.integers(0, VOCABULARY - 1)


def ranges_from(edges: set[int]) -> Ranges:
    ordered = sorted(edges)
    return tuple(zip(ordered[::2], ordered[1::2], strict=False))


some_ranges = st.sets(st.integers(0, VOCABULARY), min_size=2, max_size=6).map(ranges_from)


def logits_after(network: Decoder, tokens: list[int]) -> torch.Tensor:
    logits: torch.Tensor = network(torch.tensor([tokens]))[0, -1]
    return logits


def logits_of(engine: Any, sequence: Any, token: int) -> torch.Tensor:
    if isinstance(engine, TorchEngine):
        network: Decoder = engine._network
        return network.logits(network.extend([(sequence.cache, [token])])[0], 0, VOCABULARY)
    logits: torch.Tensor = engine.logits(sequence, [token])
    return logits.cpu()


class AnyWork(RuleBasedStateMachine):
    """Several sequences, worked on in any order; beside each, the plain list of its tokens."""

    makers = MAKERS

    @initialize(sharing=st.sampled_from(Sharing), data=st.data())
    def begin(self, sharing: Sharing, data: st.DataObject) -> None:
        self.network = NETWORKS[sharing]
        self.engine = self.makers[data.draw(st.sampled_from(sorted(self.makers)))](self.network, MOST + 1)
        self.written: dict[Any, list[int]] = {}
        self.touched: set[Any] = set()

    def pick(self, number: int) -> Any:
        return list(self.written)[number % len(self.written)]

    @precondition(lambda self: len(self.written) < MOST)
    @rule(seed=st.integers(0, 99))
    def open(self, seed: int) -> None:
        self.written[self.engine.open(seed)] = []

    @precondition(lambda self: 0 < len(self.written) < MOST)
    @rule(number=st.integers(0, 9), seed=st.integers(0, 99))
    def fork(self, number: int, seed: int) -> None:
        sequence = self.pick(number)
        fork = self.engine.fork(sequence, seed)
        self.written[fork] = list(self.written[sequence])
        self.touched.add(fork)

    @precondition(lambda self: self.written)
    @rule(number=st.integers(0, 9))
    def close(self, number: int) -> None:
        sequence = self.pick(number)
        del self.written[sequence]
        self.touched.discard(sequence)
        sequence.close()

    @precondition(lambda self: self.written)
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.integers(0, len(self.written) - 1), min_size=1))
        work = []
        for sequence in [self.pick(number) for number in chosen]:
            length = len(self.written[sequence])
            keep = length - data.draw(st.integers(0, min(length, 30)))
            room = self.engine.capacity - keep
            append = tuple(data.draw(st.lists(token_ids, max_size=min(room, 25))))
            self.written[sequence] = [*self.written[sequence][:keep], *append]
            behind = min(3, room - len(append))
            draw = self.some_draw(data, behind) if self.written[sequence] else None
            work.append((sequence, Step(keep=keep, append=append, draw=draw)))
            self.touched.add(sequence)
        for (sequence, step), drawn in zip(work, self.engine.run(work), strict=True):
            draw = step.draw
            for i, token in enumerate(drawn):
                assert draw is not None
                self.check_draw([*self.written[sequence], *drawn[:i]], draw.allowed, token)
                draw = draw.behind(token)
            assert draw is None
            self.written[sequence] += drawn[:-1]

    def some_draw(self, data: st.DataObject, behind: int) -> Draw:
        """And at most so many behind it, in up to two ways."""
        places = data.draw(st.lists(some_ranges, max_size=2 if behind > 0 else 0))
        then = [Follower(*ranges[0], self.some_draw(data, behind - 1)) for ranges in places]
        return Draw(allowed=data.draw(some_ranges), sampling=GREEDY, then=tuple(then))

    def check_draw(self, tokens: list[int], allowed: Ranges, token: int) -> None:
        assert any(start <= token < stop for start, stop in allowed)
        logits = logits_after(self.network, tokens)
        best = max(float(logits[start:stop].max()) for start, stop in allowed)
        assert float(logits[token]) >= best - 1e-4

    @invariant()
    def caches_tell_the_truth(self) -> None:
        """As a probe sees it: one more token, in a copy, against the plain network."""
        for sequence in getattr(self, "touched", set()):
            tokens = self.written[sequence]
            assert sequence.length == len(tokens)
            if tokens and len(tokens) < self.engine.capacity:
                probe = self.engine.fork(sequence, 0)
                logits = logits_of(self.engine, probe, 7)
                probe.close()
                torch.testing.assert_close(logits, logits_after(self.network, [*tokens, 7]), atol=1e-4, rtol=1e-4)
        self.touched = set()


class AnyWorkOnCuda(AnyWork):
    makers = CUDA


AnyWork.TestCase.settings = AnyWorkOnCuda.TestCase.settings = settings(max_examples=40, stateful_step_count=15)
TestAnyWork = AnyWork.TestCase


TestAnyWorkOnCuda = is_cuda(needs_cuda(AnyWorkOnCuda.TestCase))


class EngineOf:
    """Makes engines of one kind."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def __call__(self, sharing: Sharing = Sharing.ROUTED, *, context: int = 96, max_sequences: int = 8) -> Any:
        return self._make(random_network(sharing, context=context), max_sequences)


@pytest.fixture(params=[*sorted(MAKERS), ON_CUDA])
def engine_of(request: pytest.FixtureRequest) -> EngineOf:
    return EngineOf((MAKERS | CUDA)[request.param])


def sing(engine: Any, sequence: Any, tokens: int, prompt: tuple[int, ...] = (1, 2, 3)) -> list[int]:
    """Draw and send back, as a caller does."""
    sung: list[int] = []
    append, length = prompt, sequence.length
    for _ in range(tokens):
        (drawn,) = engine.run([(sequence, Step(keep=length, append=append, draw=EVERYTHING))])
        length += len(append)
        append = drawn
        sung += drawn
    return sung


def test_it_is_an_engine(engine_of: EngineOf) -> None:
    engine: Engine[Any] = engine_of(context=50)
    assert engine.capacity == 50


def test_the_same_seed_sings_the_same_and_another_does_not(engine_of: EngineOf) -> None:
    engine = engine_of()
    one, two, other = (sing(engine, engine.open(seed), 40) for seed in (5, 5, 6))
    assert one == two
    assert one != other


def test_a_rewind_and_the_same_input_give_the_same_music(engine_of: EngineOf) -> None:
    engine = engine_of()
    sequence = engine.open(5)
    first = sing(engine, sequence, 30)
    engine.run([(sequence, Step(keep=10, append=(9, 9, 9)))])
    engine.run([(sequence, Step(keep=0))])
    assert sing(engine, sequence, 30) == first


@pytest.mark.parametrize("throw", [0, 3])
def test_the_dice_that_fall_are_those_of_the_seed_the_length_and_the_throw(engine_of: EngineOf, throw: int) -> None:
    engine, tokens = engine_of(), random_tokens(60)
    sequence, draw = engine.open(17), replace(EVERYTHING, throw=throw)
    for length in range(1, 60, 3):
        ((drawn,),) = engine.run([(sequence, Step(keep=0, append=tuple(tokens[:length]), draw=draw))])
        assert drawn == sample(logits_after(NETWORKS[Sharing.ROUTED], tokens[:length]), uniform(17, length, throw))


def test_a_fork_with_the_same_seed_goes_the_same_way(engine_of: EngineOf) -> None:
    engine = engine_of()
    sequence = engine.open(5)
    sing(engine, sequence, 12)
    fork, other = engine.fork(sequence, 5), engine.fork(sequence, 6)
    here, there, elsewhere = (sing(engine, each, 20, (4,)) for each in (sequence, fork, other))
    assert here == there
    assert here != elsewhere


def test_a_batch_sings_what_each_sings_alone(engine_of: EngineOf) -> None:
    alone_engine, engine = engine_of(), engine_of()
    prompts = [tuple(random_tokens(length, length)) for length in (1, 7, 30)]
    alone = [sing(alone_engine, alone_engine.open(i), 25, prompt) for i, prompt in enumerate(prompts)]
    sequences = [engine.open(i) for i in range(3)]
    appends: list[tuple[int, ...]] = list(prompts)
    together: list[list[int]] = [[], [], []]
    for _ in range(25):
        steps = [Step(keep=s.length, append=a, draw=EVERYTHING) for s, a in zip(sequences, appends, strict=True)]
        appends = engine.run(list(zip(sequences, steps, strict=True)))
        for sung, token in zip(together, appends, strict=True):
            sung += token
    assert together == alone


def test_a_drawn_token_is_not_written_before_it_is_sent_back(engine_of: EngineOf) -> None:
    engine = engine_of()
    sequence = engine.open(1)
    engine.run([(sequence, Step(keep=0, append=(1, 2, 3), draw=EVERYTHING))])
    assert sequence.length == 3


@pytest.mark.parametrize("count", [1, 3])
def test_draws_that_follow_at_once_are_those_that_would_follow_one_by_one(engine_of: EngineOf, count: int) -> None:
    engine = engine_of()
    slices = [Draw(allowed=((10 * i, 10 * i + 40),), throw=2) for i in range(4)]
    works = [(engine.open(i), Step(keep=0, append=tuple(random_tokens(7 + 25 * i)))) for i in range(count)]
    at_once = engine.run([(each, replace(step, draw=linked(*slices))) for each, step in works])
    assert [sequence.length for sequence, _ in works] == [len(step.append) + 3 for _, step in works]
    for (sequence, step), drawn in zip(works, at_once, strict=True):
        engine.run([(sequence, step)])
        for i, token in enumerate(drawn):
            keep = len(step.append) + i
            assert engine.run([(sequence, Step(keep=keep, draw=slices[i]))]) == [(token,)]
            engine.run([(sequence, Step(keep=keep, append=(token,)))])


def test_what_was_drawn_decides_which_draw_is_next_and_whether_there_is_one(engine_of: EngineOf) -> None:
    engine = engine_of()
    low, high = Draw(allowed=((10, 20),)), Draw(allowed=((30, 40),))
    fork = Draw(allowed=((1, 2), (5, 6), (8, 9)), then=(Follower(1, 3, low), Follower(0, 6, high)))
    drawn = list[Drawn]()
    for at in range(0, 24, MOST):
        works = [(engine.open(at + i), Step(keep=0, append=(1 + at + i, 2, 3), draw=fork)) for i in range(MOST)]
        drawn += engine.run(works)
        assert [sequence.length for sequence, _ in works] == [2 + len(tokens) for tokens in drawn[-MOST:]]
        for sequence, _ in works:
            sequence.close()
    assert {tokens[0] for tokens in drawn} == {1, 5, 8}
    for first, *others in drawn:
        assert len(others) == (first != 8)
        assert all(10 * (1 if first == 1 else 3) <= token < 10 * (2 if first == 1 else 4) for token in others)


def test_a_draw_needs_no_new_tokens(engine_of: EngineOf) -> None:
    engine = engine_of()
    sequence = engine.open(1)
    (first,) = engine.run([(sequence, Step(keep=0, append=(1, 2, 3), draw=EVERYTHING))])
    engine.run([(sequence, Step(keep=3, append=(50, 60)))])
    assert engine.run([(sequence, Step(keep=3, draw=EVERYTHING))]) == [first]
    assert engine.run([(sequence, Step(keep=3, draw=EVERYTHING))]) == [first]
    assert sequence.length == 3


def test_a_long_append_in_chunks_beside_a_short_one_equals_the_whole(engine_of: EngineOf) -> None:
    engine = engine_of(context=400)
    network = random_network(context=400)
    long, short = random_tokens(300), random_tokens(5, seed=9)
    draw = Draw(allowed=((0, VOCABULARY),), sampling=GREEDY)
    work = [(engine.open(0), Step(keep=0, append=tuple(tokens), draw=draw)) for tokens in (long, short)]
    drawn = engine.run(work)
    assert drawn == [(int(logits_after(network, tokens).argmax()),) for tokens in (long, short)]


def test_a_sequence_can_be_filled_to_the_last_token(engine_of: EngineOf) -> None:
    engine = engine_of(context=20)
    sequence = engine.open(0)
    (drawn,) = engine.run([(sequence, Step(keep=0, append=tuple(random_tokens(20)), draw=EVERYTHING))])
    assert len(drawn) == 1
    with pytest.raises(BadStep, match="expected at most 20 tokens in a sequence, got 21"):
        engine.run([(sequence, Step(keep=20, append=(1,)))])


def test_no_work_is_no_work(engine_of: EngineOf) -> None:
    assert engine_of().run([]) == []


def test_memory_is_counted_and_given_back(engine_of: EngineOf) -> None:
    engine = engine_of(Sharing.MHA)
    sequence = engine.open(0)
    one = engine.kv_bytes
    assert engine.cached().most_bytes == engine.cached().most_sequences * one
    config = NETWORKS[Sharing.MHA].config
    assert one >= 2 * config.layers * config.heads * config.head_size * config.context * 4
    fork = engine.fork(sequence, 1)
    assert engine.kv_bytes == 2 * one
    assert (engine.cached().sequences, engine.cached().bytes) == (2, 0)
    engine.run([(fork, Step(keep=0, append=tuple(random_tokens(20))))])
    assert engine.cached().bytes == 20 * one // engine.capacity
    sequence.close()
    sequence.close()
    assert engine.kv_bytes == one
    fork.close()
    assert engine.kv_bytes == 0


def test_a_full_engine_says_so_until_one_leaves(engine_of: EngineOf) -> None:
    engine = engine_of(max_sequences=2)
    sequence = engine.open(0)
    engine.open(1)
    with pytest.raises(EngineFull, match="expected at most 2 open sequences, got one more"):
        engine.open(2)
    with pytest.raises(EngineFull):
        engine.fork(sequence, 2)
    sequence.close()
    engine.open(2)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step(keep=4), "expected to keep 0 to 3 tokens, got 4"),
        (Step(keep=-1), "expected to keep 0 to 3 tokens, got -1"),
        (Step(keep=3, append=(1,) * 94), "expected at most 96 tokens in a sequence, got 97"),
        (Step(keep=3, append=(1, VOCABULARY)), f"expected token ids of 0 to {VOCABULARY - 1}, got 1 to {VOCABULARY}"),
        (Step(keep=3, append=(-1,)), "expected token ids"),
        (Step(keep=0, draw=EVERYTHING), "expected tokens before a draw, got an empty sequence"),
        (Step(keep=3, draw=Draw(allowed=())), r"expected ascending, non-empty ranges .*, got \(\)"),
        (Step(keep=3, draw=Draw(allowed=((5, 5),))), "expected ascending, non-empty ranges"),
        (Step(keep=3, draw=Draw(allowed=((9, 12), (3, 5)))), "expected ascending, non-empty ranges"),
        (Step(keep=3, draw=Draw(allowed=((9, VOCABULARY + 1),))), "expected ascending, non-empty ranges"),
        (Step(keep=3, draw=Draw(allowed=((9, 12),), bias=((VOCABULARY, 1.0),))), "expected finite offsets"),
        (Step(keep=3, draw=Draw(allowed=((9, 12),), bias=((9, math.inf),))), "got inf of 9"),
        (Step(keep=3, draw=linked(EVERYTHING, Draw(allowed=((5, 5),)))), "expected ascending, non-empty ranges"),
        (Step(keep=3, draw=replace(EVERYTHING, then=(Follower(7, 7, EVERYTHING),))), "draws behind token ids"),
        (Step(keep=3, draw=linked(*[EVERYTHING] * 96)), "tokens in a sequence, got 98"),
    ],
)
def test_a_bad_step_is_refused_and_nothing_is_done(engine_of: EngineOf, step: Step, reason: str) -> None:
    engine = engine_of()
    sequence, other = engine.open(0), engine.open(1)
    engine.run([(sequence, Step(keep=0, append=(1, 2, 3)))])
    with pytest.raises(BadStep, match=reason):
        engine.run([(other, Step(keep=0, append=(1, 2))), (sequence, step)])
    assert (sequence.length, other.length) == (3, 0)


def test_a_sequence_that_is_not_open_here_is_refused(engine_of: EngineOf) -> None:
    engine, other = engine_of(), engine_of()
    closed = engine.open(0)
    closed.close()
    for stranger in (closed, other.open(0)):
        with pytest.raises(BadStep, match="expected an open sequence of this engine"):
            engine.run([(stranger, Step(keep=0, append=(1,)))])
        with pytest.raises(BadStep, match="expected an open sequence of this engine"):
            engine.fork(stranger, 0)


def test_one_sequence_gets_one_step_at_a_time(engine_of: EngineOf) -> None:
    engine = engine_of()
    sequence = engine.open(0)
    with pytest.raises(BadStep, match="expected one step for each sequence"):
        engine.run([(sequence, Step(keep=0, append=(1,))), (sequence, Step(keep=0, append=(2,)))])
