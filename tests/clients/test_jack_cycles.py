"""A client of JACK that was late holds back until it has caught up, and not for ever."""

from clients.jack_cycles import PATIENCE, WRAP, Cycles
from music.time import Nanos

FRAMES, RATE = 64, 48_000
CYCLE = FRAMES * 1_000_000_000 // RATE


class Server:
    """A JACK server whose cycles pass, and a client that is called now and then."""

    def __init__(self, began: int = 0) -> None:
        self.cycles = Cycles()
        self.began = began
        self.now = 1_000_000_000_000
        self.steady(3)

    def called(self, *, passed: int = 1, after_ns: int = CYCLE) -> bool:
        """So many cycles since it was called last."""
        self.began = (self.began + passed * FRAMES) % WRAP
        self.now += after_ns
        return self.cycles.is_good(FRAMES, RATE, self.began, Nanos(self.now))

    def steady(self, cycles: int) -> list[bool]:
        return [self.called() for _ in range(cycles)]


def test_cycles_that_follow_one_another_are_good() -> None:
    assert all(Server().steady(1_000))


def test_the_count_of_frames_may_begin_anew() -> None:
    assert all(Server(began=WRAP - 10 * FRAMES).steady(20))


def test_after_a_cycle_was_left_out_the_second_one_is_good_again() -> None:
    server = Server()
    assert [server.called(passed=2, after_ns=2 * CYCLE), *server.steady(3)] == [False, False, True, True]


def test_who_catches_up_is_called_at_once_and_waits_for_the_end_of_it() -> None:
    """Also where another cycle has begun meanwhile."""
    server = Server()
    hurried = [server.called(passed=10, after_ns=10 * CYCLE)]
    hurried += [server.called(passed=index == 5, after_ns=CYCLE // 10) for index in range(10)]
    assert not any(hurried)
    assert server.steady(3) == [False, True, True]


def test_who_is_never_in_time_writes_all_the_same() -> None:
    server = Server()
    waits = [server.called(passed=2, after_ns=2 * CYCLE) for _ in range(30)]
    assert waits == sorted(waits)
    assert sum(not good for good in waits) == PATIENCE // (2 * CYCLE) + 1
