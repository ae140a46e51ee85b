"""The tempo of a clock that is heard, and how uneven it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from threading import Event, Thread
from time import monotonic_ns, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.heard_clock import clock_of, heard_clocks
from clients.ports import open_output
from music.messages import PULSE

PERIOD = 20_000_000  # 125 bpm


def pulses(count: int, period: int, uneven: int = 0, lost: int = 0) -> list[int]:
    chance = Random(count)
    moments = [i * period + chance.randint(-uneven, uneven) for i in range(count)]
    return sorted(set(moments) - set(chance.sample(moments, lost)))


@given(st.floats(20, 300), st.integers(0, 5))
def test_an_even_clock_has_its_tempo_though_pulses_are_lost(bpm: float, lost: int) -> None:
    found = clock_of(pulses(60, round(60e9 / 24 / bpm), lost=lost))
    assert found is not None
    assert found.bpm == pytest.approx(bpm, rel=1e-6)
    assert found.uneven_ms == pytest.approx(0, abs=1e-3)


@given(st.integers(1, 5))
def test_an_uneven_one_is_as_uneven_as_it_is(most_ms: int) -> None:
    found = clock_of(pulses(200, PERIOD, uneven=most_ms * 1_000_000))
    assert found is not None
    assert found.bpm == pytest.approx(125, rel=0.01)
    assert 0.8 * most_ms <= found.uneven_ms <= 1.2 * most_ms


@pytest.mark.parametrize("moments", [[], [1], list(range(8)), [7] * 100])
def test_a_few_pulses_and_a_burst_are_no_clock(moments: list[int]) -> None:
    assert clock_of(moments) is None


@contextmanager
def daw(name: str) -> Iterator[None]:
    """It plays a clock at 125 bpm, as evenly as this machine lets it."""
    out, over = open_output(name, api="jack"), Event()

    def play() -> None:
        due = monotonic_ns()
        while not over.is_set():
            out.send([PULSE])
            due += PERIOD
            sleep(max(0, due - monotonic_ns()) / 1e9)

    player = Thread(target=play)
    player.start()
    try:
        yield
    finally:
        over.set()
        player.join()
        out.close()


@pytest.mark.jack
def test_of_all_ports_those_with_a_clock_are_named(jack_server: dict[str, str]) -> None:
    silent = open_output("Piano", api="jack")
    try:
        with daw("Daw"):
            found = heard_clocks("jack", listen_s=1)
    finally:
        silent.close()
    assert list(found) == ["Daw:Daw"]
    assert found["Daw:Daw"].bpm == pytest.approx(125, rel=0.1)
