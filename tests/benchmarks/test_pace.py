"""Players at a pace of their own share an engine."""

from typing import Any

import pytest

from benchmarks.engines import network, our_backends, shape
from benchmarks.pace import PER_SECOND, WALK, Players, paced
from model.networks.config import Sharing

CONTEXT = 8
SECONDS = 0.3


def players(count: int) -> Players:
    return Players(
        our_backends()[0].make(network(shape("tiny", Sharing.ROUTED, CONTEXT + WALK)), count), count, CONTEXT
    )


@pytest.mark.parametrize("count", [1, 3])
def test_every_player_gets_its_tokens(count: int) -> None:
    late = paced(players(count), count, SECONDS)
    assert len(late) == count
    for each in late:
        assert 1 <= len(each) <= SECONDS * PER_SECOND + 1
        assert min(each) > 0


def test_a_walk_goes_back_to_the_context_and_never_runs_over() -> None:
    crowd = players(2)
    for _ in range(WALK + 3):
        crowd.step([0, 1])
    crowd.step([1])


class Stuck:
    """Players whose every step takes longer than the pace allows."""

    def __init__(self) -> None:
        self.steps: list[list[int]] = []

    def step(self, served: Any) -> None:
        self.steps.append(list(served))
        sum(range(2_000_000))


def test_who_is_late_stays_due_and_nobody_is_served_twice_in_a_step() -> None:
    stuck = Stuck()
    late = paced(stuck, 2, SECONDS)  # type: ignore[arg-type]
    assert all(len(set(served)) == len(served) for served in stuck.steps)
    assert sum(map(len, late)) == sum(map(len, stuck.steps))
    assert late[0][-1] > late[0][0]
