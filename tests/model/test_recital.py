"""Solo piano: as long as asked for, after the prompt, and nothing but music."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.stream_engine import StreamEngine
from model.engine.together import run_together
from model.engine.work import Drawn, Sampling
from model.recital import MOST_HELD, MOST_REST, STEPS_PER_SECOND, Recital
from model.tokens.grammar import Ranges
from model.tokens.performance import END, OFF, SHIFT, STEP_TICKS
from music.score import DRUMS, Note, Part, Score
from music.time import Tempo, TempoMap, Tick
from tests.model.random_performers import random_performer
from tests.strategies import scores

ENGINE = StreamEngine(random_performer())
EMPTY = Score((Part(),), ())
MS = 1_000_000


def recital(score: Score, seconds: float = 1.0) -> Recital:
    return Recital.of(score, seconds=seconds, sampling=Sampling())


def played(order: Recital, seed: int = 1) -> list[Note]:
    return run_together(ENGINE, [order.write(ENGINE, seed)], at_once=1)[0]


def test_from_nothing_it_plays_as_long_as_asked_for() -> None:
    notes = played(recital(EMPTY, 2.5))
    assert notes
    assert max(note.end for note in notes) <= 2500
    assert max(note.end for note in notes) > 1500
    assert all(note.onset % STEP_TICKS == note.duration % STEP_TICKS == 0 < note.duration for note in notes)


class Idle(StreamEngine):
    """Ends what sounds as soon as it may, waits as long as it may, and else takes the last token that it may."""

    def run(self, work: Any) -> list[Drawn]:
        return [(self._choose(step.draw.allowed),) for _, step in work]

    def _choose(self, allowed: Ranges) -> int:
        tokens = [token for first, stop in allowed for token in range(first, stop)]
        return max(tokens, key=lambda token: (token in OFF, token in SHIFT, token))


def test_it_begins_with_a_note_and_no_rest_is_long() -> None:
    order = recital(EMPTY, 20.0)
    engine = Idle(random_performer())
    (notes,) = run_together(engine, [order.write(engine, 1)], at_once=1)
    assert notes[0].onset == 0
    rests = [after.onset - before.end for before, after in pairwise(notes)]
    assert max(rests) == 1000 * MOST_REST // STEPS_PER_SECOND
    assert notes[-1].end >= 16_000


class Forgetful(Idle):
    """Strikes a key, waits, and never lifts it."""

    def _choose(self, allowed: Ranges) -> int:
        tokens = [token for first, stop in allowed for token in range(first, stop)]
        return min(tokens, key=lambda token: (token in OFF, token not in SHIFT, token))


def test_a_key_that_is_forgotten_comes_up() -> None:
    order = recital(EMPTY, 30.0)
    engine = Forgetful(random_performer())
    (notes,) = run_together(engine, [order.write(engine, 1)], at_once=1)
    assert len(notes) > 1
    assert max(note.duration for note in notes) == 1000 * MOST_HELD // STEPS_PER_SECOND


def test_the_same_seed_gives_the_same_music_and_another_gives_another() -> None:
    order = recital(EMPTY, 0.3)
    assert played(order) == played(order)
    assert played(order) != played(order, seed=2)


def test_every_second_is_told() -> None:
    told = list[int]()
    order = recital(EMPTY, 3.2)
    run_together(ENGINE, [order.write(ENGINE, 1, lambda: told.append(1))], at_once=1)
    assert (len(told), order.size, order.unit) == (3, 4, "seconds")


@given(scores(max_parts=3), st.integers(0, 9))
@settings(max_examples=5, deadline=None)
def test_the_prompt_stays_to_the_tick_and_new_notes_follow_its_end(score: Score, seed: int) -> None:
    order = recital(score, 0.1)
    whole = order.whole(played(order, seed))
    new = sorted(set(whole.notes) - set(score.notes))
    assert set(score.notes) <= set(whole.notes)
    assert whole.parts[: len(score.parts)] == score.parts
    assert len(whole.parts) - len(score.parts) in (0, 1)
    pianos = [note for note in score.notes if not score.parts[note.part].is_drums]
    end = max((note.end for note in pianos), default=score.end)
    assert all(note.onset >= end and not whole.parts[note.part].is_drums for note in new)


def test_new_notes_keep_real_time_whatever_the_tempo() -> None:
    score = Score((Part(DRUMS), Part(4)), (Note(Tick(0), 1, 60, 80, 480),), (Tempo.from_bpm(60),))
    order = recital(score)
    whole = order.whole([Note(Tick(1500), 0, 64, 70, 250)])  # the prompt has taken a second
    assert whole.notes[-1] == Note(Tick(720), 1, 64, 70, 120)
    assert Fraction(TempoMap(whole.tempos).nanos_at(whole.end), MS) == 1750


def test_a_prompt_of_drums_alone_is_followed_by_a_piano() -> None:
    score = Score((Part(DRUMS),), (Note(Tick(0), 0, 36, 80, 480),))
    order = recital(score)
    assert order.tokens == (END,)
    whole = order.whole([Note(Tick(0), 0, 64, 70, 250)])
    assert [part.program for part in whole.parts] == [DRUMS, 0]
    assert whole.notes[-1].onset == 480
