"""A scripted human plays like one, and the same each time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.performance import edges, messages, pauses_until, phrases

SEEDS = st.integers(0, 10_000)


@given(SEEDS)
def test_the_same_seed_plays_the_same(seed: int) -> None:
    assert phrases(40, seed) == phrases(40, seed)


@given(SEEDS, st.floats(10, 120))
def test_between_phrases_there_is_a_rest_long_enough_to_be_answered_and_within_them_none(
    seed: int, seconds: float
) -> None:
    found = phrases(seconds, seed)
    ends = [max(note.up_s for note in phrase) for phrase in found]
    assert all(after[0].down_s - end > 1.2 for end, after in zip(ends, found[1:], strict=False))
    assert ends[-1] <= seconds - 1.2
    for phrase in found:
        silent_since = phrase[0].up_s
        for note in phrase[1:]:
            assert note.down_s - silent_since < 0.35
            silent_since = max(silent_since, note.up_s)


@given(SEEDS)
def test_every_key_that_goes_down_comes_up_before_it_goes_down_again(seed: int) -> None:
    for phrase in phrases(60, seed):
        assert all(note.up_s > note.down_s for note in phrase)
        down: set[int] = set()
        for _, message in messages(phrase):
            assert (message[1] in down) == (message[0] == 0x80)
            down ^= {message[1]}
        assert not down


@given(SEEDS)
def test_messages_are_in_the_order_of_time_across_all_phrases(seed: int) -> None:
    times = [at for phrase in phrases(60, seed) for at, _ in messages(phrase)]
    assert all(a <= b for a, b in pairwise(times))
    assert times[0] == 0


def test_the_edges_are_each_phrases_first_and_last_message() -> None:
    found = phrases(40, seed=1)
    assert len(found) > 2
    timed = [each for phrase in found for each in messages(phrase)]
    firsts, lasts = edges(found)
    assert [timed[i] for i in firsts] == [messages(phrase)[0] for phrase in found]
    assert [timed[i] for i in lasts] == [messages(phrase)[-1] for phrase in found]


def test_a_pause_is_counted_up_to_the_first_onset_and_only_before_the_next_phrase() -> None:
    assert pauses_until(onsets=[15, 16, 55], ends=[10, 30, 50], starts=[0, 20, 40]) == [5, 5]
    assert pauses_until(onsets=[], ends=[10], starts=[0]) == []
