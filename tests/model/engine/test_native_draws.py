"""A draw is told to the library once, for as long as it is remembered."""

from model.engine.native.draws import MOST, ToldDraws
from model.engine.work import Draw, Follower


def test_a_draw_is_told_once_and_so_is_what_is_drawn_behind_several() -> None:
    draws = ToldDraws()
    last = Draw(allowed=((7, 9),), bias=((8, 0.5),))
    one, other = (Draw(allowed=((i, i + 1),), then=(Follower(i, i + 1, last),)) for i in (1, 2))
    assert draws.told(one) is draws.told(one) is not draws.told(other)
    told = draws.told(last)
    assert (told.ranges[0], told.ranges[1], told.bias_tokens[0], told.bias[0]) == (7, 9, 8, 0.5)
    for draw in (one, other):
        assert draws.told(draw).followers[0].draw[0].ranges[0] == 7


def test_many_are_forgotten_and_told_anew() -> None:
    draws = ToldDraws()
    draw = Draw(allowed=((3, 5),))
    told = draws.told(draw)
    draws.forget()
    assert draws.told(draw) is told, "they are few"
    for i in range(MOST):
        draws.told(Draw(allowed=((i, i + 1),)))
    draws.forget()
    again = draws.told(draw)
    assert again is not told
    assert (again.ranges[0], again.ranges[1]) == (3, 5)
