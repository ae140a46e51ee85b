"""`tradefours replay`: the network draws the same set again; one with other weights is told apart."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.engine.backends import AnyEngine, make_engine
from model.engine.work import Drawn, Step
from model.registry import fingerprint, load
from music.files import read_midi
from music.time import Tick
from server.cli import app
from server.replay import Redrawing
from streaming.journal import Journaled
from streaming.messages import Start, Transport
from tests.streaming.live_set import Arrival, FakeEngine, Listener, LiveSet
from tests.streaming.test_journal import Book
from tests.streaming.test_modes import steady


class RealEngine(FakeEngine):
    """Draws by a network, and insists that every step is legal, too."""

    def __init__(self, engine: AnyEngine, seed: int) -> None:
        super().__init__(seed)
        self._redrawing = Redrawing(engine)
        self._redrawing.begin(seed)

    def run(self, step: Step) -> Drawn:
        drawn = self._redrawing.run(step, is_relief=False)
        super().run(replace(step, draw=None))
        self._read(drawn[:-1])
        return drawn


def played(name: str, path: Path, about: dict[str, str] | None = None) -> LiveSet:
    """A set of the network `name`, and its journal at `path`."""
    start = Start(mode="duet", seed=7, temperature=1.0)
    engine = make_engine(load(name), max_sequences=2)
    book = Book()
    head = {"model": name, "weights": fingerprint(name), "backend": engine.backend} | (about or {})
    session = Journaled(start, capacity=2048, write=book.write, about=head)
    live = LiveSet(session, RealEngine(engine, start.seed), Listener(frozenset({1})))
    arrivals: list[Arrival] = [*steady(0, 2400), (Tick(3000), Transport(action="stop", tick=3000))]
    live.play(arrivals, 3500)
    session.end()
    path.write_bytes(book)
    return live


@pytest.mark.parametrize("name", ["tiny", pytest.param("small", marks=pytest.mark.slow)])
def test_a_replay_draws_the_same_set_again(name: str, tmp_path: Path) -> None:
    live = played(name, tmp_path / "set.journal")
    result = CliRunner().invoke(
        app, ["replay", str(tmp_path / "set.journal"), "--out", str(tmp_path / "set.mid")], catch_exceptions=False
    )
    assert "note for note the set that was played" in result.output
    drawn, _, of = result.output.rpartition(" tokens")[0].rpartition(". ")[2].partition(" of ")
    assert drawn == of
    assert int(drawn) > 50
    heard, written = live.session.recorded()(), read_midi(tmp_path / "set.mid")
    assert [part.name for part in written.parts] == ["Human 1", "Machine 2"]
    assert written.notes == heard.notes
    assert written.tempos == heard.tempos
    assert b"duet" in (tmp_path / "set.mid").read_bytes()


@pytest.mark.parametrize(
    ("about", "sentence"),
    [({"weights": "0" * 16}, "got others (random-4)"), ({"model": "gone"}, "got none: expected a shipped network")],
)
def test_without_the_weights_that_played_it_says_so_and_tells_what_they_drew(
    about: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    played("tiny", tmp_path / "set.journal", about=about)
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "set.journal")])
    assert sentence in result.output
    assert "note for note the set that was played" in result.output
    assert "tokens as they were drawn then" in result.output


def test_what_is_no_journal_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"MThd")
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "x")])
    assert str(result.exception).startswith("expected a journal, which begins with")
