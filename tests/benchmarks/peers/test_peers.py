"""Every peer that is installed here computes what our network computes, and can rewind."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from benchmarks.engines import music, network, shape
from benchmarks.peers.present import HUGGING_FACE, STEPPING, make_peer
from model.networks.config import Sharing
from model.networks.decoder import Decoder

TOKENS = music(60)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # imports of seconds, with warnings of their own


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return network(shape("tiny", Sharing.MHA, 256)).eval()


def peer(where: tuple[str, str], decoder: Decoder) -> Any:
    made, word = make_peer(where, decoder)
    if made is None:
        pytest.skip(word)
    return made


@torch.inference_mode()
def error(decoder: Decoder, logits: Any, tokens: Sequence[int]) -> float:
    expected = decoder(torch.tensor([tokens]))[0, -1]
    return float((torch.from_numpy(logits) - expected).square().mean().sqrt() / expected.std())


def test_hugging_face_computes_the_same(decoder: Decoder) -> None:
    llama = peer(HUGGING_FACE, decoder)
    assert error(decoder, llama.logits(TOKENS), TOKENS) < 1e-5
    times = llama.decode(TOKENS, 5)
    assert len(times) == 5
    assert min(times) > 0


@pytest.mark.parametrize("where", STEPPING, ids=lambda where: where[1])
def test_a_peer_in_int8_computes_nearly_the_same_and_rewinds(where: tuple[str, str], decoder: Decoder) -> None:
    stepping = peer(where, decoder)
    logits = stepping.logits(TOKENS)
    assert error(decoder, logits, TOKENS) < 0.05
    stepping.extend(30, TOKENS[:5])  # leads astray
    assert stepping.extend(30, TOKENS[30:]) == logits.argmax()
    stepping.extend(0, TOKENS[:-1])
    assert stepping.extend(len(TOKENS) - 1, TOKENS[-1:]) == logits.argmax()
