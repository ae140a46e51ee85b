"""Keys down and up, from any stream of MIDI bytes."""

from hypothesis import given
from hypothesis import strategies as st

from clients.held_keys import LONGEST_HOLD, HeldKeys, KeyEvent
from music.time import Nanos


def on(pitch: int, velocity: int = 80, channel: int = 0) -> bytes:
    return bytes((0x90 | channel, pitch, velocity))


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes((0x80 | channel, pitch, 64))


def pedal(value: int, channel: int = 0) -> bytes:
    return bytes((0xB0 | channel, 64, value))


def heard(*messages: bytes) -> list[tuple[int, int]]:
    keys = HeldKeys()
    return [(event.pitch, event.velocity) for message in messages for event in keys.hear(message, Nanos(0))]


def test_a_note_on_without_velocity_is_a_key_up() -> None:
    assert heard(on(60), on(60, 0)) == [(60, 80), (60, 0)]


def test_the_pedal_holds_a_key_that_came_up() -> None:
    assert heard(pedal(127), on(60), off(60)) == [(60, 80)]
    assert heard(pedal(127), on(60), off(60), pedal(0)) == [(60, 80), (60, 0)]


def test_a_key_still_down_outlives_the_pedal() -> None:
    assert heard(pedal(127), on(60), pedal(0)) == [(60, 80)]
    assert heard(pedal(127), on(60), pedal(0), off(60)) == [(60, 80), (60, 0)]


def test_a_key_struck_again_under_the_pedal_ends_its_older_note() -> None:
    assert heard(pedal(127), on(60), off(60), on(60, 90), pedal(0), off(60)) == [(60, 80), (60, 0), (60, 90), (60, 0)]


def test_all_notes_off_lifts_every_key() -> None:
    assert heard(on(60), on(64), b"\xb0\x7b\x00") == [(60, 80), (64, 80), (60, 0), (64, 0)]


def test_other_messages_are_not_music_to_it() -> None:
    assert heard(b"\xf8", b"\xc0\x05", b"\xe0\x00\x40", b"\xb0\x01\x40", off(60), b"") == []


def test_a_damaged_message_is_not_music_to_it() -> None:
    assert heard(b"\x90\xc8\x40", b"\x90\x3c\x80", b"\xb0\x40\xff", on(60), off(60)) == [(60, 80), (60, 0)]


def test_a_key_held_for_ten_seconds_counts_as_up_and_its_late_up_as_nothing() -> None:
    keys = HeldKeys()
    keys.hear(on(60), Nanos(0))
    keys.hear(on(62), Nanos(5))
    assert keys.release_stuck(LONGEST_HOLD) == []
    now = Nanos(LONGEST_HOLD + 1)
    assert keys.release_stuck(now) == [KeyEvent(now, 60, 0)]
    assert keys.hear(off(60), now) == []
    assert keys.hear(off(62), now) == [KeyEvent(now, 62, 0)]


MESSAGES = st.one_of(
    st.builds(on, st.integers(60, 62), st.integers(0, 127), st.integers(0, 1)),
    st.builds(off, st.integers(60, 62), st.integers(0, 1)),
    st.builds(pedal, st.sampled_from([0, 127]), st.integers(0, 1)),
    st.binary(max_size=3),
)


@given(st.lists(MESSAGES))
def test_downs_and_ups_take_turns_on_every_key(messages: list[bytes]) -> None:
    keys, down = HeldKeys(), set[int]()
    events = [event for message in messages for event in keys.hear(message, Nanos(0))]
    for event in [*events, *keys.release_all(Nanos(1))]:
        if event.velocity:
            assert event.pitch not in down
            down.add(event.pitch)
        else:
            down.remove(event.pitch)
    assert not down
