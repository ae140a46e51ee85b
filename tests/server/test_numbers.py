"""What the host counts."""

from hypothesis import given
from hypothesis import strategies as st

from model.engine.work import Draw, Step
from music.time import Nanos
from server.numbers import REACTIONS, WINDOW, Numbers


def test_before_the_first_answer_there_is_no_reaction_time() -> None:
    assert Numbers().reaction_ns(0.5) is None


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=3 * REACTIONS), st.floats(0, 1))
def test_the_given_share_of_the_last_answers_came_within_the_percentile(waits: list[int], share: float) -> None:
    numbers = Numbers()
    for nanos in waits:
        numbers.reacted(nanos)
    percentile = numbers.reaction_ns(share)
    last = waits[-REACTIONS:]
    assert percentile in last
    assert sum(nanos <= percentile for nanos in last) >= share * len(last)


@given(st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 8), st.integers(1, 10**8)), max_size=60))
def test_rates_are_of_the_last_two_seconds_only(runs: list[tuple[int, int, int]]) -> None:
    numbers, now = Numbers(), 0
    ended: list[tuple[int, int]] = []
    for pause, tokens, took in runs:
        now += pause + took
        numbers.ran(tokens, Nanos(now - took), Nanos(now))
        ended.append((now, tokens))
    recent = sum(tokens for at, tokens in ended if at > now - WINDOW)
    assert numbers.tokens_per_second(Nanos(now)) == recent / 2
    assert 0 <= numbers.busy_share(Nanos(now)) <= 1
    assert numbers.tokens == sum(tokens for _, tokens in ended)
    assert numbers.tokens_per_second(Nanos(now + WINDOW)) == 0


def test_a_run_in_which_anybody_is_given_more_than_one_token_is_prefill() -> None:
    numbers = Numbers()
    for appended in ([1], [0, 1], [1, 2], [7]):
        steps = [Step(keep=0, append=(1,) * tokens) for tokens in appended]
        numbers.ran_for_sessions(steps, [(0,)], Nanos(0), Nanos(3))
    numbers.ran_for_pieces(5, Nanos(0), Nanos(3))
    counts = numbers.counts(waiting=0)
    assert (counts.decode.seen, counts.prefill.seen, counts.batch.seen) == (2, 2, 1)
    assert (counts.appended, counts.tokens, counts.batch_size.total) == (12, 9, 6)


def test_passes_that_follow_one_another_in_a_run_are_steps_of_a_share_each_and_the_engine_is_busy_for_all() -> None:
    numbers = Numbers()
    step = Step(keep=0, append=(1,), draw=Draw(allowed=((0, 1),)))
    numbers.ran_for_sessions([step], [(0, 0, 0)], Nanos(0), Nanos(30))
    counts = numbers.counts(waiting=0)
    assert (counts.decode.total, counts.busy_ns) == (10, 30)
