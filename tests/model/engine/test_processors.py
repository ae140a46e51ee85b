"""Laws of shaping: the likeliest always survives, and just as much probability stays as was asked."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from model.engine.dice import uniform
from model.engine.processors import keep_ranges, min_p, offset, processors_of, sample, temperature, top_p
from model.engine.work import Draw, Sampling
from music.errors import BadSetting, TradefoursError

START = 100

steep = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=40)
flat = st.lists(st.floats(-1, 1, width=32), min_size=20, max_size=60)  # here a little mass is several tokens
logits_of = st.one_of(steep, flat).map(torch.tensor)
shares = st.floats(0.01, 0.99)
samplings = st.builds(Sampling, temperature=st.floats(0, 3), top_p=st.floats(0.01, 1), min_p=st.floats(0, 0.99))


def kept(logits: Tensor) -> set[int]:
    return set(torch.isfinite(logits).nonzero().flatten().tolist())


def probabilities(logits: Tensor) -> list[float]:
    values: list[float] = logits.double().softmax(dim=0).tolist()
    return values


@given(logits_of, samplings, st.floats(0, 1, exclude_max=True))
def test_the_likeliest_survives_and_what_is_drawn_has_survived(
    logits: Tensor, sampling: Sampling, chance: float
) -> None:
    before = logits.clone()
    shaped = logits
    for process in processors_of(Draw(allowed=((START, START + len(logits)),), sampling=sampling)):
        shaped = process(shaped, START)
    # Logits nearer than float32 can tell once they are divided count as one.
    assert max(float(logits[i]) for i in kept(shaped)) >= float(logits.max()) - 1e-5
    assert sample(shaped, chance) in kept(shaped)
    assert torch.equal(logits, before)


@given(logits_of, st.data())
def test_an_offset_multiplies_the_odds_of_its_token_and_leaves_the_others_alone(
    logits: Tensor, data: st.DataObject
) -> None:
    tokens = st.integers(START - 3, START + len(logits) + 3)  # some outside the slice: they change nothing
    offsets = data.draw(st.dictionaries(tokens, st.floats(-20, 20, width=32), max_size=8))
    shaped = offset(tuple(offsets.items()))(logits, START)
    for i, (before, after) in enumerate(zip(logits.tolist(), shaped.tolist(), strict=True)):
        assert after == pytest.approx(before + offsets.get(START + i, 0.0), abs=1e-4)


def test_an_offset_brings_back_no_token_that_is_not_allowed_and_decides_where_the_likeliest_is_taken() -> None:
    draw = Draw(
        allowed=((START, START + 2),), sampling=Sampling(temperature=0), bias=((START + 1, 3.0), (START + 2, 99.0))
    )
    shaped = torch.tensor([2.0, 0.0, 1.0])
    for process in processors_of(draw):
        shaped = process(shaped, START)
    assert kept(shaped) == {1}


@given(logits_of, shares)
def test_top_p_keeps_the_smallest_set_that_holds_the_mass(logits: Tensor, mass: float) -> None:
    chances = probabilities(logits)
    survivors = kept(top_p(mass)(logits, START))
    held = [chances[i] for i in survivors]
    assert sum(held) >= mass - 1e-9
    assert sum(held) - min(held) < mass + 1e-9
    assert min(held) >= max((c for i, c in enumerate(chances) if i not in survivors), default=0)


@given(logits_of, shares)
def test_min_p_keeps_what_is_likely_enough(logits: Tensor, share: float) -> None:
    chances = probabilities(logits)
    survivors = kept(min_p(share)(logits, START))
    for i, chance in enumerate(chances):
        if not math.isclose(chance, share * max(chances), rel_tol=1e-4):
            assert (i in survivors) == (chance > share * max(chances))


@given(logits_of, st.floats(0.05, 5))
def test_temperature_divides_the_logits(logits: Tensor, value: float) -> None:
    torch.testing.assert_close(
        temperature(value)(logits, START).softmax(0), (logits.double() / value).softmax(0).float()
    )


@given(logits_of, st.floats(0, 1, exclude_max=True))
def test_temperature_0_takes_the_likeliest_whatever_falls(logits: Tensor, chance: float) -> None:
    assert sample(temperature(0)(logits, START), chance) == int(logits.argmax())


@pytest.mark.parametrize("tiny", [1e-300, 1e-45, 1e-7, 1e-6])
def test_a_tiny_temperature_does_not_divide_to_infinity(tiny: float) -> None:
    assert sample(temperature(tiny)(torch.tensor([-3.0, 30.0, 29.0]), START), 0.99) == 1


def test_ranges_keep_what_is_in_them() -> None:
    logits = torch.arange(8.0)
    assert kept(keep_ranges(((100, 102), (105, 106), (107, 108)))(logits, START)) == {0, 1, 5, 7}
    assert keep_ranges(((100, 108),))(logits, START) is logits


@given(logits_of)
def test_each_token_owns_a_stretch_of_chance_as_long_as_it_is_likely(logits: Tensor) -> None:
    before = 0.0
    for i, chance in enumerate(probabilities(logits)):
        if chance > 1e-9:
            assert sample(logits, before + chance / 2) == i
        before += chance


def test_frequencies_are_the_probabilities() -> None:
    logits = torch.tensor([0.0, 2.0, -1.0, -torch.inf, 1.0, 0.5])
    counts = Counter(sample(logits, uniform(11, position)) for position in range(5000))
    assert 3 not in counts
    chances = [(i, chance) for i, chance in enumerate(probabilities(logits)) if chance]
    assert chisquare([counts[i] for i, _ in chances], [5000 * chance for _, chance in chances]).pvalue > 0.001


@pytest.mark.parametrize("edge", [0.0, 1 - 2**-53])
def test_the_edges_of_chance_draw_a_possible_token(edge: float) -> None:
    logits = torch.tensor([-torch.inf, 0.1, -torch.inf, 0.7, -0.3, -torch.inf])
    assert sample(logits, edge) == (1 if edge == 0 else 4)


def test_damaged_weights_are_named_as_such() -> None:
    with pytest.raises(TradefoursError, match="expected finite logits, got nan"):
        sample(torch.tensor([0.0, torch.nan]), 0.5)


@pytest.mark.parametrize("bad", [{"temperature": -0.1}, {"top_p": 0}, {"top_p": 1.1}, {"min_p": 1}, {"min_p": -0.1}])
def test_sampling_out_of_range_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadSetting, match="expected temperature >= 0"):
        Sampling(**bad)
