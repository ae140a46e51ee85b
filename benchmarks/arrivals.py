"""How many servers a city needs: players come by chance, play for a while, and are refused where no place is free.

What stands before the servers sends each to the one with the fewest players, so that who is refused has found all of
them full, and they are one large house. Knows no server; times are seconds.
"""

import random
from heapq import heappop, heappush
from math import ceil
from typing import Final

ARRIVALS: Final = 40_000  # at least, and
STAYS: Final = 20  # so many times those who are in at once: a large house changes slowly
SEED: Final = 1


def refused_share(places: int, players: float, mean_s: float) -> float:
    """Of those who come, who finds no place, where `players` would be in at once if nobody were refused.

    They come independently of one another; a session's length has many short ones and few long ones (exponential).
    """
    dice = random.Random(SEED)
    inside = min(places, round(players))
    leaving = sorted(dice.expovariate(1 / mean_s) for _ in range(inside))  # when each of those inside goes: a heap
    now, refused, arrivals = 0.0, 0, max(ARRIVALS, round(STAYS * players))
    settling = arrivals // 10
    for i in range(settling + arrivals):
        now += dice.expovariate(players / mean_s)
        while leaving and leaving[0] <= now:
            heappop(leaving)
        if len(leaving) < places:
            heappush(leaving, now + dice.expovariate(1 / mean_s))
        elif i >= settling:
            refused += 1
    return refused / arrivals


def servers_needed(places_each: int, players: float, mean_s: float, most_refused: float) -> int:
    """The fewest, with `places_each`, that refuse no larger share of those who come."""
    low, high = 0, ceil(players / places_each)
    while refused_share(high * places_each, players, mean_s) > most_refused:
        low, high = high, high + max(1, high // 20)
    while high - low > 1:
        middle = (low + high) // 2
        enough = refused_share(middle * places_each, players, mean_s) <= most_refused
        low, high = (low, middle) if enough else (middle, high)
    return high
