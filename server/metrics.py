"""`/metrics`: everything that is counted, as Prometheus reads it. Nothing is counted here.

In any thread, since it takes 2 ms: what is the event loop's is copied in one go, and then looked at.
No label holds a name that clients choose; docs/operations.md has the table.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from clients.live import tradefours_version
from model.engine.work import Cached
from server.histogram import NS, Counted
from server.numbers import HostCounts, HostHealth
from server.stage import Stage

PREFIX: Final = "tradefours_"


def exposition(stage: Stage) -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(StageCollector(stage))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return generate_latest(registry)


class StageCollector(Collector):
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def describe(self) -> Iterable[Metric]:
        return []  # all names are ours alone

    def collect(self) -> Iterator[Metric]:
        about = InfoMetricFamily(PREFIX + "build", "What serves.")
        about.add_metric([], {"version": tradefours_version(), "model": self._stage.model})
        yield about
        yield from _state(self._stage)
        yield from _people(self._stage)
        yield from _engine(self._stage.host.counts(), self._stage.host.health())
        yield from _cache(self._stage.cached())
        yield from _jobs(self._stage)


def _state(stage: Stage) -> Iterator[Metric]:
    health = stage.host.health()
    yield _gauge("ready", "1 while somebody can play.", float(stage.trouble is None))
    yield _gauge("draining", "1 from the wish to stop on.", float(stage.is_closing))
    yield _gauge("sessions_active", "Sessions that play, and those that wait for a lost client.", health.sessions)
    yield _gauge("sessions_capacity", "The most sessions at once.", stage.settings.max_sessions)
    yield _gauge("sessions_waiting", "Sessions that wait for a lost client.", stage.sessions_waiting)
    silence = health.silence_ns / NS
    yield _gauge("engine_turn_seconds", "How long the turn that the engine is in has taken; 0 while it rests.", silence)
    yield _gauges("connections", "Requests and sockets that are open.", "kind", stage.traffic.inside)
    yield _histogram("event_loop_lag_seconds", "How late the event loop wakes.", stage.vitals.lag.counted())


def _people(stage: Stage) -> Iterator[Metric]:
    diary, traffic = stage.diary, stage.traffic
    yield _counter("sessions_begun", "Sessions that began.", diary.begun)
    yield _counters("sessions", "Sessions that are over, by how they ended.", "outcome", diary.ended)
    yield _counters("session_resumed", "Sessions that a client went on with.", "how", diary.resumed)
    yield _counters("session_refused", "Clients not let in, or sent away.", "reason", diary.refused)
    yield _counters("protocol_errors", "Errors told to live clients.", "code", diary.errors)
    yield _counters("ws_close", "WebSockets that were closed.", "code", traffic.closes)
    yield _counters("http_responses", "Answers over HTTP, refused sockets among them.", "status", traffic.statuses)
    yield _histogram("round_trip_seconds", "To a live client and back, as it says.", diary.round_trip.counted())


def _engine(counts: HostCounts, health: HostHealth) -> Iterator[Metric]:
    yield _counter("tokens_generated", "Tokens drawn.", counts.tokens)
    yield _counter("tokens_prompt", "Tokens given to the network by sessions.", counts.appended)
    yield _counter("notes_generated", "Notes told to players as planned.", counts.planned)
    yield _counter("notes_committed", "Notes promised to players.", counts.committed)
    dropped = {"late": health.late, "cancelled": counts.cancelled}
    yield _counters("notes_dropped", "Notes that were taken back, or came too late to be played.", "reason", dropped)
    yield _counter("rests", "Times that a session rested because the engine could not keep up.", health.rested)
    busy = {"sessions": counts.busy_ns / NS, "batch": counts.batch.total / NS}
    yield _counters("engine_busy_seconds", "Time that the engine computed: its rate is the load.", "work", busy)
    step = "Passes of the engine in which no sequence was given more than one token."
    yield _histogram("engine_step_seconds", step, counts.decode)
    yield _histogram("prefill_seconds", "Runs in which some sequence was given more.", counts.prefill)
    yield _histogram("batch_turn_seconds", "Turns of the engine for generations.", counts.batch)
    yield _histogram("engine_batch_size", "Sequences in a run for sessions.", counts.batch_size, unit=1)
    waited = "From a human note to its review by the machine, or from a turn by itself to its first note."
    yield _histogram("time_to_first_note_seconds", waited, counts.reaction)
    margin = "From the first telling of a planned note to its moment; negative: too late."
    yield _histogram("note_margin_seconds", margin, counts.margin)
    yield _gauge("engine_queue_depth", "Pieces of generations that wait for the engine.", counts.waiting)


def _cache(cached: Cached) -> Iterator[Metric]:
    yield _gauge("engine_sequences", "Sequences that the engine has open.", cached.sequences)
    yield _gauge("engine_sequences_capacity", "The most sequences at once.", cached.most_sequences)
    yield _gauge("kv_cache_bytes", "Keys and values of the tokens that they hold.", cached.bytes)
    yield _gauge(
        "kv_cache_capacity_bytes", "Keys and values of full sequences, as many as there may be.", cached.most_bytes
    )


def _jobs(stage: Stage) -> Iterator[Metric]:
    states = stage.jobs.by_status() if stage.jobs else {}
    yield _gauge("batch_jobs_waiting", "Generations that wait.", states.get("queued", 0))
    yield _gauge("batch_jobs_running", "Generations that are written.", states.get("running", 0))
    yield _counters("batch_jobs", "Generations that have ended.", "status", stage.diary.jobs)
    yield _histogram("batch_job_seconds", "From the asking to the end, in this server.", stage.diary.job_time.counted())


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, about, value)


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    return _labelled(GaugeMetricFamily(PREFIX + name, about, labels=[label]), values)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, about, value)


def _counters(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    return _labelled(CounterMetricFamily(PREFIX + name, about, labels=[label]), values)


def _labelled(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[str, float]) -> Metric:
    for key, value in dict(values).items():  # a copy: the event loop may count on meanwhile
        family.add_metric([key], value)
    return family


def _histogram(name: str, about: str, counted: Counted, unit: int = NS) -> Metric:
    bounds = [f"{bound / unit:g}" for bound in counted.bounds]
    buckets = [*zip(bounds, counted.at_most, strict=True), ("+Inf", counted.seen)]
    return HistogramMetricFamily(PREFIX + name, about, buckets=buckets, sum_value=counted.total / unit)
