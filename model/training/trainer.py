"""The training loop: a budget of minutes, a checkpoint to resume from, the best weights kept.

Knows neither what is learned nor where weights are shipped.
"""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from multiprocessing import cpu_count
from pathlib import Path

import torch
from torch import Tensor, nn

from model.checkpoint import save_network
from model.networks.config import GROUPS, Sharing
from model.networks.decoder import Decoder, Gated
from model.training.ahead import Ahead
from model.training.curve import Point, save_curve
from model.training.lesson import Lesson
from model.training.muon import Muon
from music.errors import BadCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How a lesson is learned."""

    minutes: float
    length: int = 1024  # tokens in a crop, once the budget is that far
    batch: int = 4  # crops of that length in a step; shorter ones are more, so that a step stays as large
    shorter: float = 0.7  # share of the budget, at the start, with crops of half the length: they cost less to attend
    matrix_rate: float = 0.02  # Muon, for the blocks' matrices
    other_rate: float = 0.003  # AdamW, for embedding and gains
    weight_decay: float = 0.01
    warm_up: float = 0.02  # share of the budget
    cool_down: float = 0.6  # share of the budget, at the end, in which the rates fall to nothing
    rates: float = 1.0  # factor on both: weights that have learned much already want less
    clip: float = 1.0
    own_step: bool = True  # keys' and values' projections are moved by themselves, too
    half: bool = True  # products in bf16, where the device multiplies it faster than float32
    validate_every_minutes: float = 10.0

    def rate(self, done: float) -> float:
        """The factor on both rates after `done` of the budget, 0 to 1."""
        return self.rates * min(1.0, (done + 1e-4) / self.warm_up, (1 - done) / self.cool_down)


@dataclass(slots=True)
class Progress:
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float = math.inf  # validation NLL per token
    curve: list[Point] = field(default_factory=list)


BEST = "best"
OWN_STEP = {"projections": "in common"}  # in what is told of weights that were trained with it
STATE = "state.pt"
CPU_BATCH, CUDA_BATCH = 4, 64  # crops: 65,536 tokens keep a large GPU busy
CUDA_STRIDE = 8  # steps between two looks at a GPU, which waits for nobody meanwhile
DRAWERS = 8  # processes that draw crops for a GPU, as far as there are cores: `small` learns 2 M tokens a second
Report = Callable[[Progress, float, float], None]  # progress, training loss, tokens per second


def training_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def multiplies_bf16(device: torch.device) -> bool:
    """Whether it has instructions for it. A processor without them would emulate it, slower than float32."""
    able = torch.cpu.get_capabilities()
    return device.type == "cuda" or any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def usual_batch() -> int:
    """Crops in a step that suit the device."""
    return CUDA_BATCH if training_device().type == "cuda" else CPU_BATCH


class Trainer:
    """One run in one folder: `state.pt` to resume from, the `best` weights in full precision, the curve.

    A run that is resumed does what it would have done without a break, bit for bit where the device is as exact.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        lesson: Lesson,
        folder: Path,
        *,
        threads: int | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        self.plan, self.lesson, self.folder, self._clock = plan, lesson, folder, clock
        self.device = training_device()
        self._is_cuda = self.device.type == "cuda"
        self._halves = plan.half and multiplies_bf16(self.device)
        self._stride = CUDA_STRIDE if self._is_cuda and clock is time.monotonic_ns else 1  # other clocks count steps
        self._batches = Ahead(lesson.sampler, min(DRAWERS, max(1, cpu_count() - 2)) if self._is_cuda else 0)
        self.network = lesson.network.to(self.device)
        self.optimizers = _optimizers(self.network, plan)
        self.progress = Progress()
        self._since: list[tuple[float, float, int]] = []  # loss, seconds and tokens of each step since it was validated
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / STATE).exists():
            self._resume()
        if self._is_cuda:
            torch.set_float32_matmul_precision("high")
            _compile_blocks(self.network)

    def run(self, report: Report) -> Progress:
        """Train until the budget is spent. However it ends, the run can go on from where it was."""
        try:
            self._train(report)
        finally:
            self._batches.close()
            self._save()
        return self.progress

    def _train(self, report: Report) -> None:
        budget, progress = self.plan.minutes * 60, self.progress
        if self._is_cuda:
            self._warm_up()
        last = self._clock()
        while progress.seconds < budget:
            before = progress.tokens
            loss = torch.stack([self._step(progress.seconds / budget) for _ in range(self._stride)]).mean().item()
            now = self._clock()
            seconds, last, tokens = (now - last) / 1e9, now, progress.tokens - before
            progress.seconds += seconds
            self._since.append((loss, seconds, tokens))
            report(progress, loss, tokens / max(seconds, 1e-9))
            if progress.seconds >= min(self._next_check, budget):
                self._check()
                last = self._clock()

    @property
    def _next_check(self) -> float:
        before = self.progress.curve[-1].seconds if self.progress.curve else 0.0
        return before + self.plan.validate_every_minutes * 60

    def _warm_up(self) -> None:
        """Compile both shapes before the clock runs; nothing is learned."""
        for done in (1.0, 0.0):
            self._loss(self.progress.step, *self._shape(done)).backward()  # type: ignore[no-untyped-call]
        self.network.zero_grad()
        torch.cuda.synchronize()

    def _shape(self, done: float) -> tuple[int, int]:
        """Crops in a step, and their length."""
        times = 2 if done < self.plan.shorter else 1
        return times * self.plan.batch, self.plan.length // times

    def _loss(self, number: int, size: int, length: int) -> Tensor:
        rows = torch.from_numpy(self._batches.batch(number, size, length))
        if self._is_cuda:
            rows = rows.pin_memory().to(self.device, non_blocking=True)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._halves):
            return self.lesson.loss(rows)

    def _step(self, done: float) -> Tensor:
        plan, shape = self.plan, self._shape(done)
        loss = self._loss(self.progress.step, *shape)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), plan.clip)
        for optimizer, full in zip(self.optimizers, (plan.matrix_rate, plan.other_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = full * plan.rate(done)
            optimizer.step()
            optimizer.zero_grad()
        self.progress.step += 1
        self.progress.tokens += self.lesson.asked(*shape)
        return loss.detach()

    def _check(self) -> None:
        # Held-out crops have any length, and each would be compiled.
        with torch.compiler.set_stance("force_eager") if self._is_cuda else nullcontext():
            nll = self.lesson.nll()
        losses, seconds, tokens = zip(*self._since, strict=True)
        progress, loss = self.progress, sum(losses) / len(losses)
        rate = sum(tokens) / max(sum(seconds), 1e-9)
        progress.curve.append(Point(progress.seconds, progress.step, progress.tokens, loss, nll, rate))
        self._since.clear()
        if nll < progress.best:
            progress.best = nll
            save_network(self.network, self.folder / BEST, about=self._about())
        self._save()

    def _about(self) -> dict[str, str]:
        progress = self.progress
        return {
            "tokens": str(progress.tokens),
            "hours": f"{progress.seconds / 3600:.2f}",
            "valid_nll_per_token": f"{progress.best:.4f}",
            "device": self.device.type,
            **(OWN_STEP if self.plan.own_step and isinstance(self.network, Decoder) else {}),
        }

    def _save(self) -> None:
        state = {
            "plan": _essence(self.plan, self.lesson),
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": asdict(self.progress),
            "since": self._since,
        }
        unfinished = self.folder / "state.new"
        torch.save(state, unfinished)
        unfinished.replace(self.folder / STATE)
        save_curve(self.progress.curve, self.folder)

    def _resume(self) -> None:
        state = torch.load(self.folder / STATE, map_location=self.device, weights_only=True)
        if state["plan"] != _essence(self.plan, self.lesson):
            raise BadCheckpoint(f"expected the settings of the run in {self.folder}, got others; name another folder")
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        curve = [Point(**point) for point in state["progress"].pop("curve")]
        self.progress = Progress(**state["progress"], curve=curve)
        self._since = state["since"]


def _optimizers(network: nn.Module, plan: TrainingPlan) -> list[torch.optim.Optimizer]:
    """Muon (Jordan 2024) for the blocks' matrices: in our budget of tokens it learns faster than AdamW."""
    named = network.named_parameters()
    matrices = [p for name, p in named if p.dim() == 2 and min(p.shape) > 8 and name != "embedding.weight"]
    chosen = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in chosen]
    attentions: list[nn.Parameter] = []
    queries, groups = 0, 1
    if plan.own_step and isinstance(network, Decoder):
        attentions = [p for name, p in network.named_parameters() if name.endswith("attention.qkv.weight")]
        queries = network.config.heads * network.config.head_size
        groups = GROUPS if network.config.sharing is Sharing.ROUTED else 1
    theirs = {id(p) for p in attentions}
    rest = [p for p in matrices if id(p) not in theirs]
    rates = {"lr": plan.matrix_rate, "weight_decay": plan.weight_decay}
    return [
        Muon(rest, **rates, attentions=attentions, queries=queries, groups=groups),
        torch.optim.AdamW(others, lr=plan.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=others[0].is_cuda),
    ]


def _compile_blocks(network: nn.Module) -> None:
    """Block by block, not as a whole: those of the same shape are compiled once."""
    for module in network.modules():
        if isinstance(module, Gated):
            module.compile(dynamic=False)


def _essence(plan: TrainingPlan, lesson: Lesson) -> dict[str, str]:
    """What must not change when a run is resumed; its budget may."""
    own_step = {"own_step": "yes"} if plan.own_step and isinstance(lesson.network, Decoder) else {}
    return {"length": str(plan.length), "batch": str(plan.batch), **own_step, **lesson.settings}
