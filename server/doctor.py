"""`tradefours doctor`: what this machine has, how fast it is, and what to do about it."""

import asyncio
import json
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from importlib.util import find_spec
from typing import Final

from clients.calibrate import calibrate
from clients.heard_clock import HeardClock, heard_clocks
from clients.live import LiveClient, tradefours_version
from clients.loopback import MESSAGES, measure_loopback, measure_waking
from clients.ports import list_ports
from clients.realtime import PORT_PRIORITY, ask_for_realtime
from music.errors import NotLetIn, PortError, TradefoursError
from server.processor import cpu_features, processor_name

MOST_UNEVEN_MS: Final = 3.0
LISTEN_S: Final = 1.5
CALIBRATION_WAIT_S: Final = 15


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
    midi_clocks: dict[str, HeardClock] = field(default_factory=dict)  # that are heard now, by port
    loopback_ms: dict[str, float] | None = None  # from a port of ours to another
    waking_ms: dict[str, float] | None = None  # how late who sleeps for a millisecond is woken
    realtime: bool = False  # leave to be woken on time on a busy machine
    exact_to_the_sample: bool = False  # through JACK, with JACK-Client
    server_round_trip_ms: dict[str, float] | None = None  # where one runs
    models: tuple[str, ...] = ()
    plays: str | None = None  # what the network does in a session
    backend: str | None = None  # what computes it
    decode_ms: float | None = None  # a token, at a context of 512, one thread
    tokens_per_second: float | None = None
    advice: list[str] = field(default_factory=list)

    @property
    def fit(self) -> bool:
        return not self.advice


def examine(model: str, *, url: str, as_json: bool) -> int:
    """Prints the findings. 0 when all is well, 1 when there is something to do."""
    findings = Findings()
    _look_for_ports(findings)
    _measure_timing(findings)
    _listen_for_clocks(findings)
    _look_for_server(findings, url)
    _measure_decoding(findings, model)
    if as_json:
        print(json.dumps(asdict(findings) | {"fit": findings.fit}, indent=1))
    else:
        print(report(findings))
    return 0 if findings.fit else 1


def find_offset(output: str | None, input: str | None, api: str | None, *, as_json: bool) -> int:
    """Prints how late an instrument sounds, and the option that makes up for it. 1 when that cannot be told."""
    print(f"Play a key to begin, or wait {CALIBRATION_WAIT_S} s; then tap one on every click.", file=sys.stderr)
    found = calibrate(output, input, api, wait_s=CALIBRATION_WAIT_S)
    print(json.dumps(asdict(found) | {"sure": found.is_sure, "advice": str(found)}, indent=1) if as_json else found)
    return 0 if found.is_sure else 1


def report(findings: Findings) -> str:
    rows = {each.name: getattr(findings, each.name) for each in fields(findings) if each.name != "advice"}
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


def _measure_timing(findings: Findings) -> None:
    with ThreadPoolExecutor(1) as thread:  # which alone would get what it asks for
        findings.realtime = thread.submit(ask_for_realtime, PORT_PRIORITY).result()
    findings.waking_ms = measure_waking().summary_ms()
    findings.exact_to_the_sample = findings.midi_system == "jack" and find_spec("jack") is not None
    if findings.midi_system in (None, "winmm"):  # no ports, or none that could be made
        return
    try:
        times = measure_loopback(findings.midi_system).summary_ms()
    except PortError as error:
        findings.advice.append(str(error))
        return
    findings.loopback_ms = times
    uneven = times["p95_ms"] - times["p50_ms"]
    if times["count"] < MESSAGES:
        findings.advice.append(
            f"expected {MESSAGES} messages back from a port, got {times['count']}: restart the system"
        )
    elif uneven > MOST_UNEVEN_MS:
        cure = "close other programs" if findings.realtime else "allow real-time scheduling: join the group `audio`"
        findings.advice.append(f"expected ports that are even to {MOST_UNEVEN_MS:g} ms, got {uneven:.1f}: {cure}")


def _listen_for_clocks(findings: Findings) -> None:
    if findings.midi_system is None:
        return
    findings.midi_clocks = heard_clocks(findings.midi_system)
    for port, clock in findings.midi_clocks.items():
        if clock.uneven_ms > MOST_UNEVEN_MS:
            findings.advice.append(
                f"expected a MIDI clock that is even to {MOST_UNEVEN_MS:g} ms, got {clock.uneven_ms:.1f} from {port}: "
                "make the buffer of the DAW smaller, or let it follow `Tradefours Clock`"
            )


def _look_for_server(findings: Findings, url: str) -> None:
    async def listen() -> dict[str, float]:
        async with LiveClient(url, client="tradefours-doctor") as live:
            await asyncio.sleep(LISTEN_S)
            return live.round_trip.summary_ms()

    try:
        findings.server_round_trip_ms = asyncio.run(listen())
    except NotLetIn as error:
        findings.advice.append(str(error))
    except TradefoursError:  # none runs here: nothing to measure
        return


def _measure_decoding(findings: Findings, model: str) -> None:
    try:
        from model.engine.backends import make_engine
        from model.engine.native.library import NativeUnavailable, library
        from model.engine.second_thread import take_second_thread
        from model.engine.speed import LIVE_TOKENS_PER_SECOND, decode_ms, solo_ms
        from model.networks.perceiver import Perceiver
        from model.registry import load_any, shipped
    except ModuleNotFoundError:  # a player's laptop, whose server is elsewhere
        findings.backend = "none: the bridge is installed here, not the server"
        return
    findings.models = tuple(shipped())
    try:
        network = load_any(model)
        engine = make_engine(network)
    except TradefoursError as error:
        findings.advice.append(str(error))
        return
    is_solo = isinstance(network, Perceiver)
    findings.plays = "solo piano, in answers" if is_solo else "every mode"
    measure = solo_ms if is_solo else decode_ms
    findings.decode_ms = round(take_second_thread(engine, measure), 3)
    findings.backend = engine.backend
    if engine.backend.startswith("torch"):
        try:
            library()
        except NativeUnavailable as error:
            findings.advice.append(f"{error}; torch plays in its place, some ten times slower")
    findings.tokens_per_second = round(1000 / findings.decode_ms, 1)
    if findings.tokens_per_second < LIVE_TOKENS_PER_SECOND:
        findings.advice.append(
            f"expected at least {LIVE_TOKENS_PER_SECOND} tokens per second for live play, got "
            f"{findings.tokens_per_second:.0f}: close other programs, or choose a smaller model"
        )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        if "p50_ms" not in value:
            return ", ".join(f"{port}: {clock}" for port, clock in value.items()) or "none"
        return f"p50 {value['p50_ms']:.2f}, p95 {value['p95_ms']:.2f}, p99 {value['p99_ms']:.2f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) or "none" if isinstance(value, tuple) else "none" if value is None else str(value)
