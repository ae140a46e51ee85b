"""Who follows the tokens knows what the network sees, whatever was merged on the way."""

from hypothesis import given
from hypothesis import strategies as st

from model.tokens.codec import decode, step_of
from model.tokens.vocabulary import TICKS_PER_STEP
from music.events import NoteOn
from streaming.messages import Start, Tokens
from streaming.token_stream import TokenStream
from tests.streaming.live_set import Arrival, LiveSet, live_set, playing, scribe_of
from tests.streaming.test_modes import steady

changes = st.lists(st.tuples(st.integers(0, 30), st.lists(st.integers(0, 700), max_size=9), st.booleans()), max_size=20)


@given(changes)
def test_however_many_changes_come_as_one_the_listener_ends_with_the_same_tokens(
    moves: list[tuple[int, list[int], bool]],
) -> None:
    speaker, listener, merged, heard = TokenStream(), TokenStream(), 0, 0
    for position, tokens, is_heard in [*moves, (0, [1], True)]:
        at, parts = min(position, len(speaker.tokens)), (position % 16,)
        speaker.follow(Tokens(position=at, tokens=tuple(tokens), first_tick=position, parts=parts))
        if is_heard and (message := speaker.take()):
            listener.follow(message)
            merged += message.merged
            heard += 1
            assert listener.tokens == speaker.tokens
            assert (listener.first_tick, listener.parts) == (speaker.first_tick, speaker.parts)
    assert merged + heard <= len(moves) + 1
    assert speaker.take() is None


def followed(played: LiveSet, arrivals: list[Arrival], until: int, every: int) -> tuple[TokenStream, int]:
    """What a listener who reads every so many ticks makes of it, and how often the music was rewound."""
    stream, rewinds = TokenStream(), 0
    for tick in range(played.now, until, every):
        now = [arrival for arrival in arrivals if tick <= arrival[0] < tick + every]
        played.play(now, min(until, tick + every))
        if message := played.session.take_tokens():
            rewinds += 0 < message.position < len(stream.tokens)
            stream.follow(message)
    return stream, rewinds


def test_a_listener_rebuilds_the_notes_that_the_plan_told() -> None:
    played = live_set(Start(mode="duet"), seed=4, ticks_per_token=2)
    stream, rewinds = followed(played, steady(0, 16 * 480), 60_000, every=7)
    assert rewinds > 5
    score = decode(stream.tokens)
    said = {(n.onset + stream.first_tick, n.pitch, stream.parts[n.part]) for n in score.notes}
    planned = {(step_of(n.onset) * TICKS_PER_STEP, n.pitch, n.part) for n in played.listener.sounded()}
    struck = {(e.tick, e.pitch, e.part) for _, e in steady(0, 16 * 480) if isinstance(e, NoteOn)}
    assert len(planned) > 20
    assert said == planned | struck


def test_a_context_that_takes_over_is_told_from_its_beginning() -> None:
    played = live_set(Start(mode="duet"), capacity=320)
    stream, _ = followed(played, steady(0, 12_000, 240), 12_000, every=50)
    assert played.reliefs
    assert stream.first_tick > 0
    assert tuple(stream.tokens) == scribe_of(played.session).transcript.tokens


@given(playing(), st.integers(1, 500))
def test_nothing_is_told_twice_and_nothing_is_missed(arrivals: list[Arrival], every: int) -> None:
    played = live_set(Start(mode="duet"), capacity=400)
    stream, _ = followed(played, arrivals, 5000, every)
    assert tuple(stream.tokens) == scribe_of(played.session).transcript.tokens
    assert played.session.take_tokens() is None
