"""Settings to an engine that is warm. The only place of the server that knows which engines there are."""

import logging
from collections.abc import Sequence
from typing import Final

from model.checkpoint import AnyNetwork
from model.engine.backends import AnyEngine, make_engine
from model.engine.second_thread import take_second_thread
from model.engine.speed import LIVE_TOKENS_PER_SECOND, decode_ms, solo_ms
from model.networks.perceiver import Perceiver
from model.registry import fingerprint, load_any, shipped_by_size
from server.batch import SEQUENCES
from server.serve import LoadedEngine
from server.settings import AUTO, Settings

HEAD_ROOM: Final = 3  # times the tokens that one live player needs: rewinds, a busy machine, a second player

log = logging.getLogger(__name__)


def load_engine(settings: Settings) -> LoadedEngine:
    """Raises BadCheckpoint when there are no such weights."""
    names = shipped_by_size() if settings.model == AUTO else [settings.model]
    return with_head_room(settings, names)


def with_head_room(settings: Settings, names: Sequence[str]) -> LoadedEngine:
    """The first of `names` that plays with ease here, else the last. Measuring it warms it up, too."""
    needed = HEAD_ROOM * LIVE_TOKENS_PER_SECOND
    for name in names:
        network = load_any(name)
        engine, is_solo = _engine(settings, network), isinstance(network, Perceiver)
        measure = solo_ms if is_solo else decode_ms
        speed = 1000 / (take_second_thread(engine, measure) if settings.threads is None else measure(engine))
        if speed >= needed or name == names[-1]:
            break
        log.warning("network %s makes %.0f tokens/s here, and %d are needed: a smaller one plays", name, speed, needed)
    backend, solo_context = f"{engine.backend}, {speed:.0f} tokens/s", network.config.context if is_solo else None
    return LoadedEngine(engine, name, backend, fingerprint(name), solo_context)


def _engine(settings: Settings, network: AnyNetwork) -> AnyEngine:
    # Two sequences for each player, as contexts take over from one another; and one more: a session that begins
    # anew overlaps with its predecessor. What is written besides has its own, so that it takes no player's.
    most = 2 * settings.max_sessions + 1 + SEQUENCES
    return make_engine(network, backend=settings.engine, threads=settings.threads or 1, max_sequences=most)
