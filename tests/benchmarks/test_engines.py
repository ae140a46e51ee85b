"""What engines are measured with is what it says it is."""

import pytest

from benchmarks.engines import Backend, Runner, bytes_per_token, live_draws, music, network, our_backends, shape
from model.networks.config import Sharing
from model.tokens.codec import read_state
from model.tokens.grammar import allowed

PLAIN = Backend("plain", 1, 0, our_backends()[-1].make)


@pytest.mark.parametrize("count", [1, 64, 1000])
def test_there_is_as_much_music_as_asked_and_the_grammar_allows_it(count: int) -> None:
    tokens = music(count)
    assert len(tokens) == count
    read_state(tokens)  # raises otherwise
    assert music(2 * count)[:count] == tokens


def test_draws_are_what_a_session_would_ask_for() -> None:
    tokens = music(50)
    assert [draw.allowed for draw in live_draws(tokens)] == [allowed(read_state(tokens[: i + 1])) for i in range(50)]


@pytest.mark.parametrize("sharing", [Sharing.MHA, Sharing.GQA, Sharing.MQA])
def test_a_token_reads_every_matrix_once(sharing: Sharing) -> None:
    config = shape("tiny", sharing, 64)
    matrices = sum(each.numel() for each in network(config).parameters() if each.dim() > 1)
    assert bytes_per_token(config, PLAIN, 0) == matrices


def test_a_routed_token_reads_one_of_four_projections_into_the_cache_of_mqa() -> None:
    routed, mqa = (shape("tiny", sharing, 64) for sharing in (Sharing.ROUTED, Sharing.MQA))
    for context in (0, 64):
        assert bytes_per_token(routed, PLAIN, context) == bytes_per_token(mqa, PLAIN, context)


def test_the_cache_is_read_whole() -> None:
    config = shape("tiny", Sharing.MHA, 64)
    backend = Backend("f32", 4, 4, PLAIN.make)
    cache = 2 * config.layers * config.heads * config.head_size * 10 * 4
    assert bytes_per_token(config, backend, 10) - bytes_per_token(config, backend, 0) == cache


def test_networks_are_the_same_every_time() -> None:
    one, other = (network(shape("tiny", Sharing.MHA, 64)).embedding.weight for _ in range(2))
    assert one.equal(other)


@pytest.mark.parametrize("backend", our_backends(all_formats=True), ids=lambda backend: backend.name)
def test_every_engine_of_ours_runs_step_by_step_as_in_one_go(backend: Backend) -> None:
    tokens = music(40)
    decoder = network(shape("tiny", Sharing.MHA, 64)).eval()
    at_once, in_steps = Runner(backend, decoder), Runner(backend, decoder)
    in_steps.fill(tokens[:20])
    in_steps.fill(tokens[:39])
    assert at_once.extend(0, tokens) == in_steps.extend(39, tokens[39:])
