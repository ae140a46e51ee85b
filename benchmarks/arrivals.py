"""How many servers a city needs: players come by chance, play for a while, and are refused where no place is free.

What stands before the servers sends each to the one with the fewest players, so that who is refused has found all of
them full, and they are one large house. Knows no server; times are seconds.
"""

import random
from heapq import heappop, heappush
from typing import Final

ARRIVALS: Final = 40_000  # after as many as fill the house once
SEED: Final = 1


def refused_share(places: int, players: float, mean_s: float) -> float:
    """Of those who come, who finds no place, where `players` would be in at once if nobody were refused.

    They come independently of one another; a session's length has many short ones and few long ones (exponential).
    """
    dice = random.Random(SEED)
    leaving: list[float] = []  # when each of those inside goes
    now, refused = 0.0, 0
    settling = 5 * places
    for i in range(settling + ARRIVALS):
        now += dice.expovariate(players / mean_s)
        while leaving and leaving[0] <= now:
            heappop(leaving)
        if len(leaving) < places:
            heappush(leaving, now + dice.expovariate(1 / mean_s))
        elif i >= settling:
            refused += 1
    return refused / ARRIVALS


def servers_needed(places_each: int, players: float, mean_s: float, most_refused: float) -> int:
    """The fewest, with `places_each`, that refuse no larger share of those who come."""
    low, high = 0, 1
    while refused_share(high * places_each, players, mean_s) > most_refused:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = refused_share(middle * places_each, players, mean_s) <= most_refused
        low, high = (low, middle) if enough else (middle, high)
    return high
