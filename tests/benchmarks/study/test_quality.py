"""What is measured of a network is the network's, and an engine plays what was trained."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.study.plan import POOLED
from benchmarks.study.pooled import wired
from benchmarks.study.quality import HeldOut, measure, padded, predicted
from model.evaluation.prediction import held_out_crops
from model.networks.config import NetworkConfig, Sharing
from model.networks.decoder import Decoder
from model.training.validation import validate
from tests.benchmarks.study.made_study import PLAN
from tests.model.random_networks import random_network, random_tokens
from tests.model.training.made_corpus import made_corpus

CORPUS = made_corpus()


def test_a_padded_network_computes_the_same() -> None:
    odd = Decoder(NetworkConfig(layers=2, width=64, heads=4, head_size=16, hidden=85, context=64)).eval()
    wide, tokens = padded(odd), torch.tensor([random_tokens(64)])
    assert wide.config == replace(odd.config, hidden=128)
    with torch.inference_mode():
        torch.testing.assert_close(wide(tokens), odd(tokens))
    assert padded(wide) is wide


def test_nats_by_piece_and_group_add_up_to_the_validation() -> None:
    network = random_network()
    crops = held_out_crops(CORPUS.split("valid").pieces, length=64, most=None)
    nats, tokens = predicted(network, crops)
    expected = validate(network, crops)
    assert (nats.sum(), tokens.sum()) == (pytest.approx(expected.total), expected.tokens)
    pitch = nats[:, 2].sum() / tokens[:, 2].sum()
    assert pitch == pytest.approx(expected.by_attribute["pitch"])


@pytest.mark.parametrize("sharing", [Sharing.GROUPED, Sharing.ROUTED])
def test_everything_is_measured_by_piece_and_heads_where_they_have_groups(sharing: Sharing) -> None:
    held_out = HeldOut.of(CORPUS, PLAN)
    found = measure(Decoder(replace(PLAN.shape, sharing=sharing)), held_out)
    assert np.shape(found["nats"]) == np.shape(found["tokens"]) == (len(held_out.crops), 4)
    assert len(found["nmsi"]) == len(held_out.trials) == 2
    assert ("lost" in found) == (sharing is Sharing.GROUPED)


def test_pooled_is_measured_on_the_same_pieces_without_its_heads() -> None:
    held_out = HeldOut.of(CORPUS, replace(PLAN, trials=1))
    decoder = Decoder(replace(PLAN.shape, layers=2))
    found, beside = (measure(each, held_out) for each in (wired(POOLED, decoder), decoder))
    assert "lost" not in found
    assert (found["tokens"], found["notes"]) == (beside["tokens"], beside["notes"])
    assert len(found["nmsi"]) == len(held_out.trials)
    assert found["nats"] != beside["nats"]
