"""Every note-on gets exactly one note-off."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from music.errors import BadSetting
from music.time import Nanos
from streaming.playout import Playout, PortMessage
from tests.conftest import laws


def bytes_of(messages: list[PortMessage]) -> list[tuple[int, int]]:
    return [(message.pitch, message.velocity) for message in messages]


class AnySequence(RuleBasedStateMachine):
    """Whatever is scheduled, popped and silenced: after a final silence all is paired."""

    def __init__(self) -> None:
        super().__init__()
        self.playout = Playout()
        self.now = 0
        self.ids = 0
        self.ons: Counter[int] = Counter()
        self.offs: Counter[int] = Counter()
        self.keys: dict[tuple[int, int], int] = {}  # that are down, and whose note it is

    def send(self, messages: list[PortMessage]) -> None:
        """Ons and offs take turns on every key."""
        for message in messages:
            key = message.channel, message.pitch
            if message.is_on:
                assert key not in self.keys
                self.keys[key] = message.id
                self.ons[message.id] += 1
            else:
                assert self.keys.pop(key) == message.id
                self.offs[message.id] += 1

    @rule(
        after=st.integers(-20, 20),
        length=st.integers(1, 15),
        channel=st.integers(0, 1),
        pitch=st.integers(60, 62),
    )
    def schedule(self, after: int, length: int, channel: int, pitch: int) -> None:
        due = self.now + after
        self.playout.schedule(self.ids, Nanos(due), Nanos(due + length), channel, pitch, 90)
        self.ids += 1

    @rule(back=st.integers(1, 4), after=st.integers(-20, 20), length=st.integers(1, 15))
    def move(self, back: int, after: int, length: int) -> None:
        due = self.now + after
        self.playout.move(self.ids - back, Nanos(due), Nanos(due + length))

    @rule(step=st.integers(0, 12))
    def pop(self, step: int) -> None:
        self.now += step
        popped = self.playout.pop_due(Nanos(self.now))
        assert all(message.due <= self.now for message in popped)
        assert [message.due for message in popped] == sorted(message.due for message in popped)
        self.send(popped)
        upcoming = self.playout.next_due()
        assert upcoming is None or upcoming > self.now

    @rule()
    def silence(self) -> None:
        self.send(self.playout.silence())
        assert self.playout.sounding == ()
        assert self.playout.next_due() is None

    @invariant()
    def it_knows_what_sounds(self) -> None:
        assert sorted(self.keys.values()) == sorted(self.playout.sounding)

    def teardown(self) -> None:
        self.send(self.playout.silence())
        assert self.ons == self.offs
        assert all(count == 1 for count in self.ons.values())


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = laws(0.35, steps=12)


@given(st.permutations([(0, 60, 10), (10, 60, 20), (10, 61, 30), (20, 62, 25)]))
def test_the_order_of_scheduling_does_not_matter(notes: list[tuple[int, int, int]]) -> None:
    playout = Playout()
    for id, (due, pitch, off) in enumerate(notes):
        playout.schedule(id, Nanos(due), Nanos(off), 0, pitch, 90)
    popped = playout.pop_due(Nanos(100))
    assert bytes_of(popped[:2]) == [(60, 90), (60, 0)]
    assert sorted(bytes_of(popped[2:4])) == [(60, 90), (61, 90)]
    assert bytes_of(popped[4:]) == [(60, 0), (62, 90), (62, 0), (61, 0)]


def test_a_key_struck_again_ends_first_and_the_older_off_is_dropped() -> None:
    playout = Playout()
    playout.schedule(1, Nanos(0), Nanos(100), 0, 60, 70)
    playout.schedule(2, Nanos(50), Nanos(200), 0, 60, 80)
    popped = playout.pop_due(Nanos(150))
    assert [(m.id, m.velocity, m.due) for m in popped] == [(1, 70, 0), (1, 0, 50), (2, 80, 50)]
    assert playout.sounding == (2,)
    assert [(m.id, m.velocity) for m in playout.pop_due(Nanos(200))] == [(2, 0)]


def test_the_same_pitch_on_another_channel_is_another_key() -> None:
    playout = Playout()
    playout.schedule(1, Nanos(0), Nanos(100), 0, 60, 70)
    playout.schedule(2, Nanos(0), Nanos(100), 1, 60, 70)
    playout.pop_due(Nanos(0))
    assert playout.sounding == (1, 2)


def test_nothing_comes_before_it_is_due() -> None:
    playout = Playout()
    playout.schedule(1, Nanos(10), Nanos(20), 0, 60, 70)
    assert playout.next_due() == 10
    assert playout.pop_due(Nanos(9)) == []
    assert len(playout.pop_due(Nanos(10))) == 1
    assert playout.next_due() == 20


def test_a_note_that_has_not_begun_can_be_moved() -> None:
    playout = Playout()
    playout.schedule(1, Nanos(0), Nanos(100), 0, 60, 70)
    playout.schedule(2, Nanos(50), Nanos(150), 0, 62, 70)
    assert bytes_of(playout.pop_due(Nanos(10))) == [(60, 70)]
    for id in (1, 2, 3):
        playout.move(id, Nanos(20), Nanos(30))
    assert bytes_of(playout.pop_due(Nanos(99))) == [(62, 70), (62, 0)]
    assert bytes_of(playout.pop_due(Nanos(200))) == [(60, 0)]


def test_silence_ends_what_sounds_and_forgets_what_waits() -> None:
    playout = Playout()
    playout.schedule(1, Nanos(0), Nanos(100), 0, 60, 70)
    playout.schedule(2, Nanos(50), Nanos(100), 0, 61, 70)
    playout.pop_due(Nanos(10))
    assert playout.silence() == [PortMessage(1, Nanos(100), 0, 60, 0)]
    assert playout.pop_due(Nanos(1_000)) == []


@pytest.mark.parametrize(
    ("off", "channel", "pitch", "velocity"), [(0, 0, 60, 1), (9, 16, 60, 1), (9, 0, 128, 1), (9, 0, 60, 0)]
)
def test_a_note_that_no_port_could_play_is_refused(off: int, channel: int, pitch: int, velocity: int) -> None:
    playout = Playout()
    with pytest.raises(BadSetting):
        playout.schedule(1, Nanos(0), Nanos(off), channel, pitch, velocity)
    assert playout.next_due() is None
