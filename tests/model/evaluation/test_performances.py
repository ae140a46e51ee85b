"""Nats of held-out piano are those of the crops that training sees, whatever is left of their padding."""

import numpy as np
import torch
from torch.nn import functional

from model.evaluation.performances import token_nats
from model.training.performing import performances
from model.training.segments import Segmentation, Sizes, crop, ends
from tests.model.random_performers import TINY, random_performer
from tests.model.training.test_performing import CORPUS

SIZES = Sizes(TINY.latents, TINY.context)


def test_a_beginning_needs_no_padding() -> None:
    network = random_performer()
    piece = performances(CORPUS.split("valid"))[0]
    places = ends(Segmentation.EFFECTIVE_IN_TURN, len(piece), SIZES)
    for end, (_, nats) in zip(places, token_nats(network, piece, SIZES), strict=True):
        each = crop(piece, end, SIZES)
        inputs, targets = torch.from_numpy(each.inputs)[None], torch.from_numpy(each.targets)
        logits = network(inputs, latents=SIZES.latents, pads=torch.tensor([each.pads]))[0]
        expected = functional.cross_entropy(logits, targets, reduction="none", ignore_index=-100)[targets >= 0]
        assert np.allclose(nats, expected.double().numpy(), atol=1e-4)
