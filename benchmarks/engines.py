"""Our engines, and what they are measured with: networks of any shape, music to read."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import torch

from model.engine.backends import AnyEngine
from model.engine.cuda.engine import CudaEngine
from model.engine.native.decoder import Format
from model.engine.native.engine import NativeEngine
from model.engine.native.library import NativeUnavailable, library
from model.engine.second_thread import has_room_for_two
from model.engine.torch_engine import TorchEngine
from model.engine.work import Draw, Engine, Sampling, Step
from model.networks.config import NetworkConfig, Sharing, preset
from model.networks.decoder import Decoder
from model.tokens.codec import encode_score, read_state
from model.tokens.grammar import allowed, checked_advance
from model.tokens.vocabulary import VOCABULARY
from music.score import Note, Part, Score
from music.time import TICKS_PER_QUARTER, Tick

SEED: Final = 4
EIGHTH: Final = TICKS_PER_QUARTER // 2
LIKELIEST: Final = Draw(allowed=((0, VOCABULARY),), sampling=Sampling(temperature=0.0))  # of all, as the peers draw


class On(StrEnum):
    """Which of our engines are measured."""

    AUTO = "auto"  # the GPU's where there is one, else the processor's
    CUDA = "cuda"
    PROCESSOR = "processor"


@dataclass(frozen=True, slots=True)
class Backend:
    """One of our engines, with one thread."""

    name: str
    weight_bytes: float  # of one weight, its share of the scales included
    kv_bytes: float  # of one number in the cache, likewise
    make: Callable[[Decoder, int], AnyEngine]  # network, the most sequences


TORCH: Final = Backend("torch f32", 4, 4, lambda net, most: TorchEngine(net, threads=1, max_sequences=most))
CUDA: Final = Backend("cuda bf16", 2, 2, lambda net, most: CudaEngine(net, max_sequences=most))
INT8: Final = 1 + 4 / 64  # a byte, and its share of a scale
INT8_KV: Final = 1 + 4 / 48  # a scale for each head of `small`


def native(weights: Format, weight_bytes: float, cache: Format, kv_bytes: float, threads: int = 1) -> Backend:
    def make(network: Decoder, most: int) -> NativeEngine:
        return NativeEngine(network, weights=weights, cache=cache, max_sequences=most, threads=threads)

    name = f"native {weights.name.lower()}"
    return Backend(name if threads == 1 else f"{name}, {threads} threads", weight_bytes, kv_bytes, make)


TWO_THREADS: Final = native(Format.INT8, INT8, Format.INT8, INT8_KV, threads=2)


def our_backends(on: On = On.PROCESSOR, *, all_formats: bool = False, paired: bool = False) -> list[Backend]:
    """What runs here, the fastest first. `paired`: then TWO_THREADS, where there is a core for the second."""
    if on is On.CUDA or (on is On.AUTO and torch.cuda.is_available()):
        return [CUDA]
    try:
        library()
    except NativeUnavailable:
        return [TORCH]
    int8, bf16 = native(Format.INT8, INT8, Format.INT8, INT8_KV), native(Format.BF16, 2, Format.BF16, 2)
    others = [bf16, native(Format.F32, 4, Format.F32, 4)] if all_formats else []
    return [int8, *([TWO_THREADS] if paired and has_room_for_two() else []), *others, TORCH]


def gpu_notes(backend: Backend) -> list[str]:
    """A report names the processor; on which GPU it was must be said beside."""
    return [f"GPU: {torch.cuda.get_device_name()}."] if backend is CUDA and torch.cuda.is_available() else []


def shape(size: str, sharing: Sharing, context: int) -> NetworkConfig:
    return replace(preset(size), sharing=sharing, context=context)


def network(config: NetworkConfig) -> Decoder:
    """Random weights, always the same: speed does not ask what is learned."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return Decoder(config)


def bytes_per_token(config: NetworkConfig, backend: Backend, context: int) -> float:
    """What a decode step has to read, all weights and all of the cache, where every token's KV is read by all."""
    projected = (config.heads + 2 * config.kv_heads) * config.head_size  # routed: one projection of its four is read
    attention = config.width * (projected + config.heads * config.head_size)
    weights = config.layers * (attention + 3 * config.width * config.hidden) + config.vocabulary * config.width
    kv = 2 * config.layers * config.kv_heads * config.head_size * context
    return weights * backend.weight_bytes + kv * backend.kv_bytes


def music(tokens: int) -> list[int]:
    """Two parts in eighths, at random, but as the grammar wants it: some ways of sharing look at attributes."""
    dice = random.Random(SEED)
    notes = [
        Note(Tick(i // 2 * EIGHTH), i % 2, dice.randint(40, 88), dice.randint(30, 110), EIGHTH)
        for i in range(tokens // 4)
    ]
    return encode_score(Score((Part(), Part()), tuple(notes)))[:tokens]


def live_draws(tokens: Sequence[int]) -> list[Draw]:
    """After each of the tokens, the draw that a session would ask for."""
    state, draws = read_state(()), []
    for token in tokens:
        state = checked_advance(state, token)
        draws.append(Draw(allowed=allowed(state)))
    return draws


class Runner:
    """One of our engines with one sequence, used as a peer is."""

    def __init__(self, backend: Backend, network: Decoder) -> None:
        self._engine = backend.make(network, 1)
        self._sequence = self._engine.open(0)

    def fill(self, tokens: Sequence[int]) -> None:
        """Append what is missing of `tokens`."""
        fill(self._engine, self._sequence, tokens)

    def extend(self, keep: int, tokens: Sequence[int]) -> int:
        ((token,),) = self._engine.run([(self._sequence, Step(keep=keep, append=tuple(tokens), draw=LIKELIEST))])
        return token


def fill(engine: Engine[Any], sequence: Any, tokens: Sequence[int]) -> None:
    """Append what the sequence lacks of `tokens`, with which it begins."""
    engine.run([(sequence, Step(keep=sequence.length, append=tuple(tokens[sequence.length :])))])
