"""`tradefours replay`: a journal played again, drawn again by the network, and written as a MIDI file."""

from pathlib import Path

from tqdm import tqdm

from model.engine.backends import AUTO, BACKENDS, AnyEngine, make_engine
from model.engine.work import Drawn, EngineSequence, Step
from model.registry import fingerprint, load_any
from music.errors import BadJournal, TradefoursError
from music.files import write_midi
from server.outputs import check_output
from streaming.journal import MAGIC, Frame, read_frames
from streaming.replay import Drawing, Replay


class Redrawing:
    """An engine that draws for one session, as the server's did."""

    def __init__(self, engine: AnyEngine) -> None:
        self._engine = engine
        self._seed = 0
        self._first: EngineSequence | None = None
        self._second: EngineSequence | None = None

    def begin(self, seed: int) -> None:
        self._seed = seed
        for sequence in (self._first, self._second):
            if sequence:
                sequence.close()
        self._first, self._second = self._engine.open(seed), None

    def run(self, step: Step, *, is_relief: bool) -> Drawn:
        if is_relief and self._second is None:
            self._second = self._engine.open(self._seed)
        (drawn,) = self._engine.run([(self._second if is_relief else self._first, step)])
        return drawn

    def relieve(self) -> None:
        assert self._first is not None
        self._first.close()
        self._first, self._second = self._second, None


def replay_journal(source: Path, *, out: Path | None, model: str | None) -> None:
    """Raises BadJournal where a session of this version cannot have told it."""
    check_output(out)
    data = source.read_bytes()
    frames, end = read_frames(data)
    if end < len(data):
        print(f"The last {len(data) - end} bytes of {source.name} were cut off: they are no whole frame.")
    replay = Replay(_drawing(frames, model))
    try:
        for frame in tqdm(frames, desc=source.name, unit=" frames"):
            replay.play(frame)
        is_same = (MAGIC + b"".join(replay.written)) == data[:end]
    except Exception as error:  # whatever another version's journal makes of this one's session
        raise BadJournal(f"expected a journal of this version, got one that it cannot replay: {error!r}") from error
    print(_verdict(replay, is_same))
    if out:
        out.write_bytes(write_midi(replay.truth.score(), replay.truth.marks))


def _drawing(frames: list[Frame], model: str | None) -> Drawing | None:
    """None, and a sentence, where the network that played is not here."""
    assert frames[0].event is not None
    about = frames[0].event[1]
    name = model or about.get("model", "")
    try:
        here = fingerprint(name)
        if here == about.get("weights"):
            kind = (about.get("backend") or AUTO).replace(",", " ").split()[0]  # others round otherwise
            return Redrawing(make_engine(load_any(name), backend=kind if kind in BACKENDS else AUTO))
        reason = f"got others ({here})"
    except TradefoursError as error:
        reason = f"got none: {error}"
    print(f"Expected the weights of {name} that played ({about.get('weights')}), {reason}; nothing is drawn again.")
    return None


def _verdict(replay: Replay, is_same: bool) -> str:
    same = "note for note the set that was played" if is_same else "not the set that was played: other code wrote it"
    drawn = f"{replay.tokens - replay.different} of {replay.tokens} tokens drawn again alike"
    return f"Replayed: {same}. {drawn if replay.has_drawn else f'{replay.tokens} tokens as they were drawn then'}."
