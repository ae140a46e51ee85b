"""Who played that: by port, or by channel."""

from clients.held_keys import KeyEvent
from clients.players import PartKey, Players
from music.time import Nanos


def on(channel: int, pitch: int) -> bytes:
    return bytes((0x90 | channel, pitch, 80))


def down(part: int, pitch: int) -> PartKey:
    return PartKey(part, KeyEvent(Nanos(5), pitch, 80))


def up(part: int, pitch: int, at: int = 5) -> PartKey:
    return PartKey(part, KeyEvent(Nanos(at), pitch, 0))


def test_every_port_is_a_player_whatever_the_channel() -> None:
    players = Players(ports=2)
    assert players.hear(0, on(3, 60), Nanos(5)) == [down(0, 60)]
    assert players.hear(1, on(3, 60), Nanos(5)) == [down(1, 60)]
    assert players.gone(1, Nanos(7)) == [up(1, 60, 7)]
    assert players.release_all(Nanos(9)) == [up(0, 60, 9)]


def test_every_channel_is_a_player_and_those_not_named_are_the_first() -> None:
    players = Players(ports=0, channels=(0, 9))
    assert players.hear(0, on(9, 36), Nanos(5)) == [down(1, 36)]
    assert players.hear(0, on(0, 36), Nanos(5)) == [down(0, 36)]
    assert players.hear(0, on(4, 40), Nanos(5)) == [down(0, 40)]
    assert sorted(key.part for key in players.gone(0, Nanos(7))) == [0, 0, 1]


def test_what_is_no_channels_is_nobodys() -> None:
    assert Players(ports=1).hear(0, b"\xf8", Nanos(5)) == []


def test_a_key_held_for_too_long_comes_up() -> None:
    players = Players(ports=2)
    players.hear(1, on(0, 60), Nanos(5))
    assert players.release_stuck(Nanos(5 + 10**9)) == []
    late = 5 + 11 * 10**9
    assert players.release_stuck(Nanos(late)) == [up(1, 60, late)]
