"""Drawn together or one by one: the same tokens."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.engine.checks import DAMAGED
from model.engine.cuda.sampling import draw
from model.engine.cuda.told import Mailbox, Wish
from model.engine.processors import processors_of, sample
from model.engine.work import Draw, Sampling

WORDS = 40

samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 1e-9, 0.3, 1.0, 2.5]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 1.0]),
    min_p=st.sampled_from([0.0, 0.02, 0.4]),
)
edges = st.sets(st.integers(0, WORDS), min_size=2, max_size=7).map(sorted)
biases = st.dictionaries(st.integers(0, WORDS - 1), st.floats(-4, 4, width=32), max_size=5)
draws = st.builds(
    lambda edges, sampling, bias: Draw(
        allowed=tuple(zip(edges[::2], edges[1::2], strict=False)), sampling=sampling, bias=tuple(bias.items())
    ),
    edges,
    samplings,
    biases,
)


def one_by_one(logits: torch.Tensor, wish: Wish) -> int:
    start, stop = wish.draw.allowed[0][0], wish.draw.allowed[-1][1]
    logits = logits[start:stop]
    for process in processors_of(wish.draw):
        logits = process(logits, start)
    return start + sample(logits, wish.uniform)


def together(logits: torch.Tensor, wishes: list[Wish]) -> list[int]:
    box = Mailbox(len(wishes), len(wishes), WORDS, 0, torch.device("cpu"))
    box.send(torch.zeros(4, 0, dtype=torch.int32).numpy(), wishes)
    return box.receive(draw(logits, box.told.offsets, box.told.chances))


@given(st.lists(st.tuples(draws, st.floats(0, 1, exclude_max=True)), min_size=1, max_size=6), st.integers(0, 999))
def test_each_draw_is_what_it_would_be_alone(wanted: list[tuple[Draw, float]], seed: int) -> None:
    wishes = [Wish(0, draw, uniform) for draw, uniform in wanted]
    # Logits in steps, so that some are equal.
    logits = torch.randint(-8, 8, (len(wishes), WORDS), generator=torch.Generator().manual_seed(seed)) / 2
    alone = [one_by_one(row, wish) for row, wish in zip(logits, wishes, strict=True)]
    assert together(logits, wishes) == alone


def test_damaged_weights_show_in_their_own_draw_alone() -> None:
    logits = torch.zeros(2, WORDS)
    logits[0, 3] = torch.nan
    wish = Wish(0, Draw(allowed=((0, WORDS),)), 0.5)
    assert together(logits, [wish, wish]) == [DAMAGED, WORDS // 2]
