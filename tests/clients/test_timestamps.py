"""The player's rhythm survives an uneven callback."""

from hypothesis import given
from hypothesis import strategies as st

from clients.timestamps import DRIFT, FAR, DriverTimes
from music.time import Nanos

MS = 1_000_000


PRESSES = st.lists(st.integers(3, 400), min_size=1, max_size=100)  # ms since the one before


@given(PRESSES, st.data())
def test_a_jitter_of_the_callback_moves_no_note(gaps: list[int], data: st.DataObject) -> None:
    """The first callback is prompt, and so sets the origin."""
    times, pressed = DriverTimes(), 0
    assert times.stamp(0.0, Nanos(0)) == 0
    for gap in gaps:
        pressed += gap * MS
        delay = data.draw(st.integers(0, DRIFT))
        assert abs(times.stamp(gap / 1e3, Nanos(pressed + delay)) - pressed) <= len(gaps)  # rounding: 1 ns each


@given(PRESSES, st.data())
def test_no_note_is_stamped_before_it_was_played(gaps: list[int], data: st.DataObject) -> None:
    times, pressed, arrival = DriverTimes(), 0, 0
    times.stamp(0.0, Nanos(0))
    for gap in gaps:
        pressed += gap * MS
        arrival = max(arrival, pressed + data.draw(st.integers(0, 2 * FAR)))
        assert times.stamp(gap / 1e3, Nanos(arrival)) >= pressed - len(gaps)


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 3_000)), min_size=1, max_size=60))
def test_whatever_the_driver_says_stamps_never_run_backwards_nor_into_the_future(
    messages: list[tuple[float, int]],
) -> None:
    times, arrival, last = DriverTimes(), 0, -1
    for interval_s, pause in messages:
        arrival += pause * MS
        stamp = times.stamp(interval_s, Nanos(arrival))
        assert last <= stamp <= arrival
        assert stamp >= arrival - FAR
        last = stamp


def test_the_first_message_is_believed_to_arrive_at_once() -> None:
    assert DriverTimes().stamp(0.0, Nanos(77)) == 77


def test_one_late_callback_does_not_move_its_note() -> None:
    times = DriverTimes()
    times.stamp(0.0, Nanos(0))
    assert times.stamp(0.1, Nanos(130 * MS)) == 100 * MS


def test_a_lost_interval_is_found_at_once() -> None:
    """The driver counts from a message that was filtered out, so its interval is short by a second."""
    times = DriverTimes()
    times.stamp(0.0, Nanos(0))
    assert times.stamp(0.1, Nanos(1_100 * MS)) == 1_100 * MS


def test_a_driver_whose_clock_is_slow_is_followed() -> None:
    """1 % slow: without correction, a hundred notes later the stamps would be half a second behind."""
    times = DriverTimes()
    stamps = [times.stamp(0.5 * 0.99, Nanos(i * 500 * MS)) for i in range(100)]
    assert all(i * 500 * MS - FAR <= stamp <= i * 500 * MS for i, stamp in enumerate(stamps))


def test_a_small_lag_that_stays_is_taken_out() -> None:
    """The first callback was 20 ms earlier than any later one."""
    times = DriverTimes()
    stamps = [times.stamp(0.1 if i else 0.0, Nanos(i * 100 * MS + (20 * MS if i else 0))) for i in range(20)]
    assert stamps[1] == 100 * MS
    assert stamps[-1] == 19 * 100 * MS + 20 * MS
