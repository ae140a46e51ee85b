"""`tradefours doctor`: what this machine has, how fast it is, and what to do about it."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from time import perf_counter_ns

from clients.live import tradefours_version
from clients.ports import list_ports
from model.engine.torch_engine import TorchEngine
from model.engine.work import Draw, Step
from model.registry import load, shipped
from model.tokens.codec import encode_score, read_state
from model.tokens.grammar import allowed, checked_advance
from music.errors import PortError, TradefoursError
from music.score import Note, Part, Score
from music.time import TICKS_PER_QUARTER, Tick
from server.processor import cpu_features, processor_name

LIVE_TOKENS_PER_SECOND = 150  # a lively part, about 30 notes a second of looking ahead
CONTEXT = 512
MEASURED_STEPS = 64
EIGHTH = TICKS_PER_QUARTER // 2


@dataclass(slots=True)
class Findings:
    tradefours: str = field(default_factory=tradefours_version)
    python: str = field(default_factory=platform.python_version)
    system: str = field(default_factory=platform.platform)
    processor: str = field(default_factory=processor_name)
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    cpu_features: tuple[str, ...] = field(default_factory=cpu_features)
    midi_system: str | None = None
    midi_inputs: tuple[str, ...] = ()
    midi_outputs: tuple[str, ...] = ()
    models: tuple[str, ...] = field(default_factory=lambda: tuple(shipped()))
    backend: str = "torch"
    decode_ms: float | None = None  # a token, at a context of 512, one thread
    tokens_per_second: float | None = None
    advice: list[str] = field(default_factory=list)

    @property
    def fit(self) -> bool:
        return not self.advice


def examine(model: str, *, as_json: bool) -> int:
    """Prints the findings. 0 when all is well, 1 when there is something to do."""
    findings = Findings()
    _look_for_ports(findings)
    _measure_decoding(findings, model)
    if as_json:
        print(json.dumps(asdict(findings) | {"fit": findings.fit}, indent=1))
    else:
        print(report(findings))
    return 0 if findings.fit else 1


def report(findings: Findings) -> str:
    rows = {name: value for name, value in asdict(findings).items() if name != "advice"}
    width = max(map(len, rows))
    lines = [f"{name.replace('_', ' '):<{width}}  {_shown(value)}" for name, value in rows.items()]
    verdict = ["ready to play"] if findings.fit else [f"to do: {advice}" for advice in findings.advice]
    return "\n".join([*lines, "", *verdict])


def _look_for_ports(findings: Findings) -> None:
    try:
        ports = list_ports()
    except PortError as error:
        findings.advice.append(str(error))
        return
    findings.midi_system, findings.midi_inputs, findings.midi_outputs = ports.api, ports.inputs, ports.outputs


def _measure_decoding(findings: Findings, model: str) -> None:
    try:
        engine = TorchEngine(load(model), threads=1)
    except TradefoursError as error:
        findings.advice.append(str(error))
        return
    findings.decode_ms = round(decode_ms(engine), 3)
    findings.tokens_per_second = round(1000 / findings.decode_ms, 1)
    if findings.tokens_per_second < LIVE_TOKENS_PER_SECOND:
        findings.advice.append(
            f"expected at least {LIVE_TOKENS_PER_SECOND} tokens per second for live play, got "
            f"{findings.tokens_per_second:.0f}: close other programs, or choose a smaller model"
        )


def decode_ms(engine: TorchEngine) -> float:
    """Median milliseconds of a decode step near 512 tokens of context."""
    scale = tuple(Note(Tick(i * EIGHTH), 0, 60 + i % 12, 80, EIGHTH) for i in range(CONTEXT))
    tokens = encode_score(Score((Part(),), scale))
    context = min(CONTEXT, engine.capacity - 1) - MEASURED_STEPS
    sequence = engine.open(seed=0)
    engine.run([(sequence, Step(keep=0, append=tuple(tokens[:context])))])
    state, times = read_state(tokens[:context]), []
    for at, token in enumerate(tokens[context : context + MEASURED_STEPS], start=context):
        state = checked_advance(state, token)
        step = Step(keep=at, append=(token,), draw=Draw(allowed=allowed(state)))
        began = perf_counter_ns()
        engine.run([(sequence, step)])
        times.append(perf_counter_ns() - began)
    sequence.close()
    return sorted(times)[MEASURED_STEPS // 2] / 1e6


def _shown(value: object) -> str:
    return ", ".join(value) or "none" if isinstance(value, tuple) else "none" if value is None else str(value)
