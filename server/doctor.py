"""`tradefours doctor`: what this machine has, how fast it is, and what to do about it."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field

from clients.live import tradefours_version
from clients.ports import list_ports
from music.errors import PortError, TradefoursError
from server.processor import cpu_features, processor_name


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
    models: tuple[str, ...] = ()
    backend: str | None = None  # what computes the network
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
        from model.engine.backends import make_engine
        from model.engine.native.library import NativeUnavailable, library
        from model.engine.speed import LIVE_TOKENS_PER_SECOND, decode_ms
        from model.registry import load, shipped
    except ModuleNotFoundError:  # a player's laptop, whose server is elsewhere
        findings.backend = "none: the bridge is installed here, not the server"
        return
    findings.models = tuple(shipped())
    try:
        engine = make_engine(load(model))
    except TradefoursError as error:
        findings.advice.append(str(error))
        return
    findings.backend = engine.backend
    if engine.backend.startswith("torch"):
        try:
            library()
        except NativeUnavailable as error:
            findings.advice.append(f"{error}; torch plays in its place, some ten times slower")
    findings.decode_ms = round(decode_ms(engine), 3)
    findings.tokens_per_second = round(1000 / findings.decode_ms, 1)
    if findings.tokens_per_second < LIVE_TOKENS_PER_SECOND:
        findings.advice.append(
            f"expected at least {LIVE_TOKENS_PER_SECOND} tokens per second for live play, got "
            f"{findings.tokens_per_second:.0f}: close other programs, or choose a smaller model"
        )


def _shown(value: object) -> str:
    return ", ".join(value) or "none" if isinstance(value, tuple) else "none" if value is None else str(value)
