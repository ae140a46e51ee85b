"""A run learns, can be interrupted and resumed, and keeps its best weights."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import pytest
import torch

from model.checkpoint import INDEX, load_network
from model.networks.config import PRESETS, NetworkConfig, Sharing
from model.networks.decoder import Block, Decoder
from model.tokens.vocabulary import VOCABULARY
from model.training.continuing import Continuing
from model.training.muon import Muon, orthogonal
from model.training.trainer import BEST, OWN_STEP, Progress, Trainer, TrainingPlan
from model.training.validation import validate, validation_crops
from music.errors import BadCheckpoint
from tests.model.training.made_corpus import made_corpus

CORPUS = made_corpus()
VALIDATION = validation_crops(CORPUS, length=128)
NETWORK = replace(PRESETS["tiny"], context=128)
PLAN = TrainingPlan(minutes=0.05, length=128, batch=2, validate_every_minutes=0.01)


def lesson(config: NetworkConfig = NETWORK, start: Decoder | None = None) -> Continuing:
    return Continuing(config, CORPUS.split("train"), VALIDATION, start=start)


def train(plan: TrainingPlan, folder: Path, config: NetworkConfig = NETWORK) -> tuple[Trainer, Progress]:
    trainer = Trainer(plan, lesson(config), folder, threads=1)
    return trainer, trainer.run(lambda progress, loss, rate: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trainer, Progress]:
    folder = tmp_path_factory.mktemp("run")
    return folder, *train(PLAN, folder)


def test_training_lowers_the_validation_nll(run: tuple[Path, Trainer, Progress]) -> None:
    untrained = lesson().nll()
    assert run[2].best < 0.8 * untrained


def test_weights_say_that_their_keys_and_values_had_a_step_of_their_own(run: tuple[Path, Trainer, Progress]) -> None:
    about = json.loads((run[0] / BEST / INDEX).read_text())["about"]
    assert OWN_STEP.items() <= about.items()


def test_the_best_weights_are_what_was_validated(run: tuple[Path, Trainer, Progress]) -> None:
    folder, _, progress = run
    assert validate(load_network(folder / BEST), VALIDATION).per_token == pytest.approx(progress.best, abs=1e-4)


def test_a_run_with_a_larger_budget_goes_on_where_it_stopped(run: tuple[Path, Trainer, Progress]) -> None:
    folder, first, progress = run
    resumed = Trainer(replace(PLAN, minutes=0.08), lesson(), folder, threads=1)
    assert resumed.progress == progress
    for name, weight in first.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name])
    assert resumed.run(lambda progress, loss, rate: None).step > progress.step


def test_an_interrupted_run_goes_on_from_its_last_step(tmp_path: Path) -> None:
    def interrupt(progress: Progress, loss: float, rate: float) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    patient = replace(PLAN, validate_every_minutes=10)
    trainer = Trainer(patient, lesson(), tmp_path, threads=1)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(interrupt)
    resumed = Trainer(patient, lesson(), tmp_path, threads=1)
    assert resumed.progress.step == 3
    for name, weight in trainer.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name])


def steady_clock() -> Callable[[], int]:
    """A second passes with every look: two runs with as many steps see the same times."""
    ticks = count()
    return lambda: next(ticks) * 10**9


def test_a_resumed_run_is_the_run_that_was_never_interrupted(tmp_path: Path) -> None:
    plan = replace(PLAN, minutes=12 / 60, validate_every_minutes=5 / 60, shorter=0.5)

    def trainer(folder: str) -> Trainer:
        return Trainer(plan, lesson(), tmp_path / folder, threads=1, clock=steady_clock())

    def interrupt(progress: Progress, loss: float, rate: float) -> None:
        if progress.step == 7:
            raise KeyboardInterrupt

    whole = trainer("whole")
    whole.run(lambda progress, loss, rate: None)
    with pytest.raises(KeyboardInterrupt):
        trainer("halved").run(interrupt)
    resumed = trainer("halved")
    resumed.run(lambda progress, loss, rate: None)
    assert resumed.progress == whole.progress
    assert whole.progress.step == 12
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name])


def test_a_run_may_begin_with_given_weights_but_not_with_their_optimizer(
    run: tuple[Path, Trainer, Progress], tmp_path: Path
) -> None:
    given = load_network(run[0] / BEST)
    started = Trainer(PLAN, lesson(start=given), tmp_path, threads=1)
    assert started.progress == Progress()
    for name, weight in given.state_dict().items():
        assert torch.equal(weight, started.network.state_dict()[name])
    assert not any(optimizer.state_dict()["state"] for optimizer in started.optimizers)


def test_the_curve_of_a_run_goes_on_where_it_stopped(run: tuple[Path, Trainer, Progress]) -> None:
    rows = json.loads((run[0] / "curve.json").read_text())
    assert len(rows) >= len(run[2].curve) >= 2
    assert rows[: len(run[2].curve)] == [asdict(point) for point in run[2].curve]
    assert all(point.tokens_per_second > 0 for point in run[2].curve)


@pytest.mark.cuda
@pytest.mark.parametrize("sharing", list(Sharing))
def test_a_gpu_trains_every_sharing_compiled_and_in_half_precision(tmp_path: Path, sharing: Sharing) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    plan = replace(PLAN, minutes=0.5, validate_every_minutes=0.1)
    _, progress = train(plan, tmp_path, replace(NETWORK, sharing=sharing))
    assert progress.curve[-1].valid < 0.8 * progress.curve[0].train


def test_a_run_with_another_network_is_refused(run: tuple[Path, Trainer, Progress]) -> None:
    with pytest.raises(BadCheckpoint, match="another folder"):
        Trainer(PLAN, lesson(replace(NETWORK, layers=3)), run[0])


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    rates = [PLAN.rate(done / 100) for done in range(101)]
    assert rates[0] < 0.1
    assert max(rates) == 1.0
    assert rates[100] == 0.0
    falling = rates[45:]
    assert falling == sorted(falling, reverse=True)


def test_orthogonal_pushes_all_singular_values_towards_one() -> None:
    torch.manual_seed(0)
    for shape in ((24, 8), (8, 24), (48, 32)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.4


def test_muon_goes_downhill() -> None:
    torch.manual_seed(0)
    target, weight = torch.randn(8, 8), torch.nn.Parameter(torch.zeros(8, 8))
    optimizer = Muon([weight], lr=0.05)
    losses = []
    for _ in range(150):
        loss = (weight - target).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert losses[-1] < 0.1 * losses[0]


def test_routed_projections_move_as_sums_of_one_in_common_and_one_of_their_own() -> None:
    torch.manual_seed(0)
    size, width, queries = 4, 24, 8
    matrix = torch.nn.Parameter(torch.randn(queries + 8 * size, width))
    own, common = torch.nn.Parameter(matrix.detach().clone()), torch.nn.Parameter(torch.zeros(2 * size, width))
    target = torch.randn_like(matrix)

    def for_each_group(common: torch.Tensor) -> torch.Tensor:
        keys, values = common.repeat(4, 1).view(4, 2, size, width).unbind(1)
        return torch.cat((torch.zeros(queries, width), keys.flatten(0, 1), values.flatten(0, 1)))

    together = Muon([], lr=0.05, weight_decay=0.1, attentions=[matrix], queries=queries, groups=4)
    apart = Muon([own, common], lr=0.05, weight_decay=0.1)
    for _ in range(4):
        summed = own + for_each_group(common)
        for optimizer, weight in ((together, matrix), (apart, summed)):
            optimizer.zero_grad()
            (weight - target).square().sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    torch.testing.assert_close(matrix, own + for_each_group(common))
    assert common.abs().max() > 0.1


@pytest.mark.parametrize(
    ("sharing", "wanted"), [(Sharing.ROUTED, (64, 4)), (Sharing.MQA, (64, 1)), (Sharing.MHA, (64, 1))]
)
def test_keys_and_values_have_a_step_of_their_own(tmp_path: Path, sharing: Sharing, wanted: tuple[int, int]) -> None:
    trainer = Trainer(PLAN, lesson(replace(NETWORK, sharing=sharing)), tmp_path / "own")
    _, own = trainer.optimizers[0].param_groups
    assert (own["queries"], own["groups"]) == wanted
    assert [tuple(p.shape) for p in own["params"]] == [tuple(b.attention.qkv.weight.shape) for b in blocks(trainer)]
    parts = [group["params"] for optimizer in trainer.optimizers for group in optimizer.param_groups]
    assert len({id(p) for params in parts for p in params}) == len(list(trainer.network.parameters()))
    without = Trainer(replace(PLAN, own_step=False), lesson(replace(NETWORK, sharing=sharing)), tmp_path / "one")
    assert len(without.optimizers[0].param_groups) == 1


def blocks(trainer: Trainer) -> list[Block]:
    assert isinstance(trainer.network, Decoder)
    return [block for block in trainer.network.blocks if isinstance(block, Block)]


def test_nll_is_counted_per_token_note_and_attribute() -> None:
    network = Decoder(NETWORK)
    torch.nn.init.zeros_(network.embedding.weight)  # every token equally likely
    nll = validate(network, VALIDATION)
    uniform = torch.tensor(float(VOCABULARY)).log().item()
    assert nll.per_token == pytest.approx(uniform, rel=1e-5)
    assert nll.per_note == pytest.approx(uniform * nll.tokens / nll.notes, rel=1e-5)
    assert nll.by_attribute == pytest.approx(dict.fromkeys(("time", "part", "pitch", "velocity", "duration"), uniform))
