"""What is sent arrives where it was meant, and nothing of an earlier pass is mistaken for it."""

import numpy as np
import torch

from model.engine.cuda.told import NO_TOP_P, Mailbox, Wish
from model.engine.work import Draw, Sampling

NOWHERE = 9


def box() -> Mailbox:
    return Mailbox(4, 2, 6, NOWHERE, torch.device("cpu"))


def test_a_new_mailbox_holds_padding() -> None:
    assert box().told.rows.tolist() == [[0] * 4, [NOWHERE] * 4, [0] * 4, [0, 1, 2, 3]]


def test_fewer_rows_than_before_are_padded_anew() -> None:
    mailbox = box()
    rows = np.array([[5, 6, 7], [1, 1, 2], [8, 9, 0], [0, 0, 2]], np.int32)
    mailbox.send(rows, ())
    assert mailbox.told.rows[:, :3].tolist() == rows.tolist()
    mailbox.send(rows[:, :1], ())
    assert mailbox.told.rows.tolist() == [[5, 0, 0, 0], [1, NOWHERE, NOWHERE, NOWHERE], [8, 0, 0, 0], [0, 1, 2, 3]]


def test_a_wish_becomes_offsets_and_chances() -> None:
    mailbox = box()
    sampling = Sampling(temperature=0.5, min_p=0.25)
    draw = Draw(allowed=((0, 2), (4, 5)), sampling=sampling, bias=((1, -1.5), (3, 2.0)))
    mailbox.send(np.zeros((4, 1), np.int32), [Wish(0, draw, 0.0), Wish(0, draw, 0.75)])
    gone = -torch.inf
    assert mailbox.told.offsets[1].tolist() == [0, -1.5, gone, gone, 0, gone]
    assert mailbox.told.chances[1].tolist() == [0.5, 0.25, NO_TOP_P, 0.75]


def test_answers_come_back() -> None:
    assert box().receive(torch.tensor([3, 4], dtype=torch.int32)) == [3, 4]
