"""The training loop: a budget of minutes, a checkpoint to resume from, the best weights kept.

Knows networks and crops; not where weights are shipped.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.checkpoint import save_network
from model.networks.config import NetworkConfig
from model.networks.decoder import Decoder
from model.training.corpus import Corpus
from model.training.crops import CropSampler, Variation
from model.training.muon import Muon
from model.training.validation import Validation, validate
from music.errors import BadCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """Everything that decides a run, but the data."""

    network: NetworkConfig
    minutes: float
    length: int = 1024  # tokens in a crop, once the budget is that far
    batch: int = 4  # crops of that length in a step; shorter ones are more, so that a step stays as large
    shorter: float = 0.7  # share of the budget, at the start, with crops of half the length: they cost less to attend
    matrix_rate: float = 0.02  # Muon, for the blocks' matrices
    other_rate: float = 0.003  # AdamW, for embedding and gains
    weight_decay: float = 0.01
    warm_up: float = 0.02  # share of the budget
    cool_down: float = 0.6  # share of the budget, at the end, in which the rates fall to nothing
    clip: float = 1.0
    validate_every_minutes: float = 10.0
    seed: int = 0
    variation: Variation = field(default_factory=Variation)

    def rate(self, done: float) -> float:
        """The factor on both rates after `done` of the budget, 0 to 1."""
        return min(1.0, (done + 1e-4) / self.warm_up, (1 - done) / self.cool_down)


@dataclass(slots=True)
class Progress:
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float = math.inf  # validation NLL per token
    curve: list[dict[str, float]] = field(default_factory=list)


BEST = "best"
Report = Callable[[Progress, float, float], None]  # progress, training loss, tokens per second


class Trainer:
    """One run in one folder: `state.pt` to resume from, the `best` weights in full precision, `curve.json`."""

    def __init__(
        self, plan: TrainingPlan, corpus: Corpus, validation: Validation, folder: Path, *, threads: int | None = None
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        self.plan, self.validation, self.folder = plan, validation, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(plan.seed)
        self.network = Decoder(plan.network).to(self.device)
        self.optimizers = _optimizers(self.network, plan)
        self.progress = Progress()
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "state.pt").exists():
            self._resume()
        # A resumed run goes on with crops of its own: which ones were seen is not worth keeping.
        seed = plan.seed + 1_000_003 * self.progress.step
        self.short, self.long = (
            CropSampler(corpus, length=length + 1, variation=plan.variation, seed=seed)
            for length in (plan.length // 2, plan.length)
        )

    def run(self, report: Report) -> Progress:
        """Train until the budget is spent. However it ends, the run can go on from where it was."""
        try:
            self._train(report)
        finally:
            self._save()
        return self.progress

    def _train(self, report: Report) -> None:
        budget = self.plan.minutes * 60
        last = time.monotonic()
        next_check = self.progress.seconds + self.plan.validate_every_minutes * 60
        while self.progress.seconds < budget:
            loss = self._step(self.progress.seconds / budget)
            now = time.monotonic()
            self.progress.seconds += now - last
            report(self.progress, loss, self.plan.batch * self.plan.length / (now - last))
            last = now
            if self.progress.seconds >= next_check or self.progress.seconds >= budget:
                self._check(loss)
                next_check += self.plan.validate_every_minutes * 60
                last = time.monotonic()

    def _step(self, done: float) -> float:
        rate = self.plan.rate(done)
        batch = self.short.batch(2 * self.plan.batch) if done < self.plan.shorter else self.long.batch(self.plan.batch)
        tokens = torch.from_numpy(batch).to(self.device)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss = next_token_loss(self.network(tokens[:, :-1]), tokens[:, 1:])
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        for optimizer, full in zip(self.optimizers, (self.plan.matrix_rate, self.plan.other_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = full * rate
            optimizer.step()
            optimizer.zero_grad()
        self.progress.step += 1
        self.progress.tokens += self.plan.batch * self.plan.length
        return loss.item()

    def _check(self, loss: float) -> None:
        nll = validate(self.network, self.validation).per_token
        self.progress.curve.append(
            {"seconds": self.progress.seconds, "tokens": self.progress.tokens, "train": loss, "valid": nll}
        )
        if nll < self.progress.best:
            self.progress.best = nll
            save_network(self.network, self.folder / BEST, about=self._about())
        self._save()

    def _about(self) -> dict[str, str]:
        progress = self.progress
        return {
            "tokens": str(progress.tokens),
            "hours": f"{progress.seconds / 3600:.2f}",
            "valid_nll_per_token": f"{progress.best:.4f}",
            "device": self.device.type,
        }

    def _save(self) -> None:
        state = {
            "plan": _essence(self.plan),
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": asdict(self.progress),
        }
        torch.save(state, self.folder / "state.new")
        (self.folder / "state.new").replace(self.folder / "state.pt")
        (self.folder / "curve.json").write_text(json.dumps(self.progress.curve, indent=1))

    def _resume(self) -> None:
        state = torch.load(self.folder / "state.pt", map_location=self.device, weights_only=True)
        if state["plan"] != _essence(self.plan):
            raise BadCheckpoint(f"expected the settings of the run in {self.folder}, got others; name another folder")
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.progress = Progress(**state["progress"])


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean NLL in nats. logits: (B, T, V), targets: (B, T)."""
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def _optimizers(network: Decoder, plan: TrainingPlan) -> list[torch.optim.Optimizer]:
    """Muon (Jordan 2024) for the blocks' matrices: in our budget of tokens it learns faster than AdamW."""
    matrices = [p for p in network.blocks.parameters() if p.dim() == 2 and min(p.shape) > 8]
    chosen = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in chosen]
    return [
        Muon(matrices, lr=plan.matrix_rate, weight_decay=plan.weight_decay),
        torch.optim.AdamW(others, lr=plan.other_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _essence(plan: TrainingPlan) -> dict[str, str]:
    """What must not change when a run is resumed; its budget may."""
    kept = {"network": plan.network, "length": plan.length, "batch": plan.batch, "seed": plan.seed}
    return {name: str(value) for name, value in kept.items()}
