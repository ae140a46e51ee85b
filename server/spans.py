"""The life of a session and of a generation as a span of OpenTelemetry, below that of the request which began it.

FastAPI makes a span of each request and WebSocket, reads `traceparent`, and sends what is recorded to where the
environment says. Where it says nothing, nothing is recorded or kept. Event loop only. Knows no session and no job.
"""

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

Told = str | int | float

TRACED = "tradefours"


class Spans:
    def __init__(self) -> None:
        self._open: dict[str, Span] = {}

    def begin(self, kind: str, name: str, **about: Told) -> None:
        span = trace.get_tracer(TRACED).start_span(kind, attributes={kind: name, **about})
        if span.is_recording():
            self._open[name] = span

    def tell(self, name: str, event: str, **about: Told) -> None:
        if span := self._open.get(name):
            span.add_event(event, about)

    def end(self, name: str, *, has_failed: bool, **about: Told) -> None:
        if span := self._open.pop(name, None):
            span.set_attributes(about)
            if has_failed:
                span.set_status(Status(StatusCode.ERROR))
            span.end()
