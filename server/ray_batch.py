"""Many pieces from one prompt, written by a Ray cluster: tasks that may be done again, as a seed tells all of a piece.

Knows no server and no players: it is for machines that have nothing else to do. Ray is imported when it runs.
"""

from functools import cache
from typing import Any, Final

from model.engine.backends import AnyEngine, make_engine
from model.engine.together import run_together
from model.registry import load
from music.files import read_midi, write_midi
from server.batch import AT_ONCE, SEQUENCES
from server.composing import prepare
from streaming.generations import GenerationOptions

RETRIES: Final = 3  # of a task whose worker has died


def write_pieces(midi: bytes, options: GenerationOptions, pieces: int, *, model: str = "small") -> list[bytes]:
    """MIDI files, of seeds from `options.seed` on. To be called where `ray.init` has been."""
    import ray

    write = ray.remote(num_cpus=1, max_retries=RETRIES)(write_some)
    seeds = range(options.seed, options.seed + pieces)
    asked = [write.remote(midi, options, seeds[at : at + AT_ONCE], model) for at in range(0, pieces, AT_ONCE)]
    written: list[list[bytes]] = ray.get(asked)
    return [piece for some in written for piece in some]


def write_some(midi: bytes, options: GenerationOptions, seeds: range, model: str) -> list[bytes]:
    """The same wherever, whenever and beside whatever it is done."""
    engine = _engine(model)
    order = prepare(options, read_midi(midi), engine.capacity)
    writers: list[Any] = [order.write(engine, seed) for seed in seeds]
    return [write_midi(order.whole(notes)) for notes in run_together(engine, writers, at_once=AT_ONCE)]


@cache
def _engine(model: str) -> AnyEngine:
    """A worker loads it once."""
    return make_engine(load(model), max_sequences=SEQUENCES)
