"""Settings to an engine that is warm. The only place of the server that knows which engines there are."""

from model.engine.torch_engine import TorchEngine
from model.engine.work import Draw, Step
from model.registry import load
from model.tokens.codec import Header, read_state
from model.tokens.grammar import allowed
from server.serve import LoadedEngine
from server.settings import Settings

WARM_UP_STEPS = 8  # the first steps of a process pay for allocations that the later ones find done


def load_engine(settings: Settings) -> LoadedEngine:
    """Raises BadCheckpoint when there are no such weights."""
    # Two sequences for each player, as contexts take over from one another; and one more: a session that begins
    # anew overlaps with its predecessor.
    engine = TorchEngine(load(settings.model), threads=settings.threads, max_sequences=2 * settings.max_sessions + 1)
    warm_up(engine)
    return LoadedEngine(engine, settings.model, f"torch, {settings.threads} thread(s)")


def warm_up(engine: TorchEngine) -> None:
    tokens = tuple(Header(programs={0: 0}).tokens())
    draw = Draw(allowed=allowed(read_state(tokens)))
    sequence = engine.open(seed=0)
    for _ in range(WARM_UP_STEPS):
        engine.run([(sequence, Step(keep=0, append=tokens, draw=draw))])
    sequence.close()
