"""What a player changes while playing is told once, stays within what makes sense, and is there in the next session."""

from hypothesis import given
from hypothesis import strategies as st

from clients.wishes import MODES, RANGES, Wish, Wishes
from streaming.messages import Control, PlayerPart, Start

KNOBS = st.sampled_from(list(RANGES))


def wishes(**settings: object) -> Wishes:
    return Wishes(Start.model_validate(settings))


def test_nothing_changed_is_no_news() -> None:
    desk = wishes(temperature=1.2)
    assert desk.news() is None
    assert desk[Wish.TEMPERATURE] == 1.2
    assert desk[Wish.MUTE] is False


def test_a_change_is_told_once_and_is_part_of_every_session_that_begins_later() -> None:
    desk = wishes()
    desk.step(Wish.DENSITY, 1)
    desk.step(Wish.DENSITY, 1)
    desk.next_mode()
    assert desk.news() == Control(density=0.5, mode="duet")
    assert desk.news() is None
    assert desk.of(Start(bpm=99)) == Start(bpm=99, density=0.5, mode="duet")


def test_a_knob_that_stands_still_is_no_news() -> None:
    desk = wishes(density=0.0)
    desk.turn(Wish.DENSITY, 0.5)
    desk.turn(Wish.DENSITY, 0.5)
    assert desk.news() is None


@given(KNOBS, st.lists(st.floats(0, 1) | st.integers(-3, 3)))
def test_a_knob_stays_within_its_range_and_the_wire_takes_it(wish: Wish, moves: list[float]) -> None:
    desk = wishes()
    for move in moves:
        if isinstance(move, int):
            desk.step(wish, move)
        else:
            desk.turn(wish, move)
            assert RANGES[wish].low <= desk[wish] <= RANGES[wish].high
    news = desk.news()
    assert news is None or getattr(news, wish.field) == desk[wish]


def test_a_knob_reaches_both_ends() -> None:
    desk = wishes()
    for wish, each in RANGES.items():
        desk.turn(wish, 0.0)
        assert desk[wish] == each.low
        desk.turn(wish, 1.0)
        assert desk[wish] == each.high


def test_more_is_never_less_where_the_beginning_lay_beyond_the_range() -> None:
    bold = wishes(temperature=2.0)
    bold.step(Wish.TEMPERATURE, 1)
    assert bold[Wish.TEMPERATURE] == 2.0
    bold.step(Wish.TEMPERATURE, -1)
    assert bold[Wish.TEMPERATURE] == 1.95


def test_all_modes_come_in_turn() -> None:
    desk = wishes(mode="trade")
    seen = []
    for _ in MODES:
        desk.next_mode()
        seen.append(desk[Wish.MODE])
    assert sorted(seen) == sorted(MODES)
    assert seen[-1] == "trade"


def test_the_machine_is_silent_with_all_its_parts_until_it_is_not() -> None:
    desk = wishes(machine=(PlayerPart(part=1), PlayerPart(part=2)))
    desk.mute()
    assert desk[Wish.MUTE] is True
    assert desk.news() == Control(mute=(1, 2))
    assert desk.of(Start()) == Start()
    desk.say_again()
    assert desk.news() == Control(mute=(1, 2))
    desk.mute()
    assert desk.news() == Control(mute=())
