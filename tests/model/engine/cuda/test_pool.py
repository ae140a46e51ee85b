"""The lists of a partitioned network name each group's own tokens, whatever was appended, rewound and padded."""

from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from model.engine.cuda.pool import Pool, Rows
from model.engine.cuda.told import FIRST
from model.networks.attention import GROUP_OF_TOKEN, Tagger
from model.networks.config import GROUPS, Sharing
from model.tokens.vocabulary import IN_HEADER
from tests.model.random_networks import SMALL, random_tokens

CONFIG = replace(SMALL, sharing=Sharing.PARTITIONED, context=40)
SLOTS = 2
TAG = Tagger()

Segment = tuple[int, int, list[int]]  # slot, first position, tokens


def pool() -> Pool:
    return Pool(CONFIG, SLOTS, torch.float32, torch.device("cpu"))


def enter(pool: Pool, segments: list[Segment]) -> Rows:
    rows: list[tuple[int, int, int, int]] = []
    for slot, at, tokens in segments:
        first = len(rows)
        rows += [(token, slot, at + i, first) for i, token in enumerate(tokens)]
    facts = torch.tensor(rows).T
    assert facts.shape[0] == FIRST + 1
    return pool.enter(facts, TAG(facts[0]))


def own_positions(tokens: list[int], group: int, before: int) -> list[int]:
    return [at for at, token in enumerate(tokens[:before]) if GROUP_OF_TOKEN[token] == group or IN_HEADER[token]]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=6))
def test_a_row_sees_its_group_s_tokens_and_the_window(steps: list[tuple[int, int, int]]) -> None:
    there = pool()
    written: list[list[int]] = [[], []]
    for number, (rewound, *added) in enumerate(steps):
        segments = []
        for slot, count in enumerate(added):
            tokens = written[slot]
            del tokens[max(0, len(tokens) - rewound) :]
            fresh = random_tokens(min(count, CONFIG.context - len(tokens)), seed=10 * number + slot)
            if fresh:
                segments.append((slot, len(tokens), fresh))
            tokens += fresh
        if not segments:
            continue
        rows = enter(there, [*segments, (SLOTS, 0, [7])])
        assert rows.listed is not None
        for row, (base, position, start) in enumerate(zip(rows.base, rows.position, rows.start, strict=True)):
            slot = int(base) // CONFIG.context
            if slot == SLOTS:
                continue
            assert start == max(0, position + 1 - CONFIG.window)
            for group in range(GROUPS):
                expected = own_positions(written[slot], group, int(start))
                listed = there.own[group, base : base + rows.listed[group, row]]
                assert listed.tolist() == expected


def test_padding_writes_nothing_but_the_last_line() -> None:
    there = pool()
    enter(there, [(SLOTS, 0, [token]) for token in random_tokens(20)])
    assert not there.own[:, :-1].any()
    assert not there.own_so_far[:, :-1].any()


def test_a_copy_is_a_copy_of_the_length_asked_for() -> None:
    there = pool()
    there.memory.copy_(torch.randn(there.memory.shape))
    enter(there, [(0, 0, random_tokens(30))])
    before, listed = there.memory.clone(), there.own_so_far.clone()
    there.copy(0, 1, 12)
    context = CONFIG.context
    assert there.memory[:, :, context : context + 12].equal(before[:, :, :12])
    assert there.memory[:, :, context + 12 :].equal(before[:, :, context + 12 :])
    assert there.memory[:, :, :context].equal(before[:, :, :context])
    assert there.own_so_far[:, context : context + 12].equal(listed[:, :12])
