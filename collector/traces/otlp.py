"""
The receiver of traces: spans out, by the exporter of the OpenTelemetry SDK, over HTTP with protobuf.

The only module that knows OpenTelemetry. Spans of the past are made as values: a TracerProvider makes spans of what happens
now, and its processor drops silently what does not fit its queue. No provider is installed for the process. The exporter reads
OTEL_* variables beside its arguments; the session sends what the settings say, whatever these variables hold.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from collector.settings.traces import TraceSettings, parse_headers
from collector.traces.receiver import ReceiverAwayError, SpansRefusedError
from collector.traces.span import SpanId, TraceSpan

ANSWER_LIMIT = 65_536
"""Bytes of an answer that are read."""
SCOPE = InstrumentationScope("lynceus")
_KINDS = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL}
_OWN_HEADERS = frozenset({"content-type", "content-encoding", "user-agent"})
"""Headers of the exporter that say what is sent."""
_REFUSED = frozenset({400, 413, 415, 422})
"""Answers that are about the spans. After any other the same request may succeed: a token or an address can be corrected."""


class Session(requests.Session):
    """The connection to the receiver: sends the headers of the settings alone, and keeps the answer to the last request."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__()
        self.trust_env = False  # no proxies and no .netrc of the environment
        self.own_headers = headers
        self.is_used = False
        """Whether the request was made: spans that cannot be encoded never become one."""
        self.status: int | None = None
        self.answer = b""

    def request(self, method: str, url: str, **how: Any) -> requests.Response:  # type: ignore[override]
        """Sends a request; the body of the answer is read no further than the limit."""
        self.is_used, self.status, self.answer = True, None, b""
        described = {key: value for key, value in how.pop("headers").items() if key.lower() in _OWN_HEADERS}
        response = super().request(method, url, headers={**self.own_headers, **described}, stream=True, **how)
        self.answer = response.raw.read(ANSWER_LIMIT, decode_content=True) or b""
        self.status = response.status_code
        response.close()
        return response


class OtlpReceiver:
    """Sends spans. Blocking; one thread uses it."""

    def __init__(self, settings: TraceSettings) -> None:
        self._settings = settings
        self._session = Session({})
        self._exporter = OTLPSpanExporter(
            endpoint=settings.endpoint,
            timeout=settings.timeout_seconds,
            compression=Compression.Gzip,
            session=self._session,
            meter_provider=NoOpMeterProvider(),
        )
        self._session.verify, self._session.cert = settings.ca_file or True, None
        # What went wrong is logged by the caller; the exporter would log each repetition, with the receiver's own words.
        logging.getLogger(OTLPSpanExporter.__module__).setLevel(logging.CRITICAL)

    def send(self, resource: Mapping[str, str], spans: Sequence[TraceSpan]) -> None:
        """Sends spans in one request; ReceiverAwayError: again later, SpansRefusedError: never again."""
        self._session.own_headers, self._session.is_used = self._headers(), False
        made = [*_as_sdk_spans(resource, spans)]
        taken, status = self._exporter.export(made) is SpanExportResult.SUCCESS, self._session.status
        if not self._session.is_used:
            raise SpansRefusedError("could not be encoded")
        if status in _REFUSED:
            raise SpansRefusedError(f"answered {status}")
        if not taken or status is None or status >= 300:
            raise ReceiverAwayError(f"answered {status}" if status else "no answer")
        if rejected := _rejected(self._session.answer):
            raise SpansRefusedError(f"took all but {rejected} spans")

    def close(self) -> None:
        """Ends the connection, and a pause between repetitions."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _headers(self) -> dict[str, str]:
        if not self._settings.headers_file:
            return {}
        try:
            return parse_headers(Path(self._settings.headers_file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else str(error)
            raise ReceiverAwayError(f"traces.headers_file: {words}") from None


def _as_sdk_spans(resource: Mapping[str, str], spans: Sequence[TraceSpan]) -> Iterator[ReadableSpan]:
    about = Resource(resource)
    for span in spans:
        yield ReadableSpan(
            span.name,
            context=_context(span.place),
            parent=_context(span.parent) if span.parent else None,
            resource=about,
            attributes=span.attributes,
            links=[Link(_context(place)) for place in span.links],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.message) if span.failed else Status(StatusCode.UNSET),
            start_time=span.start * 1_000_000,
            end_time=span.end * 1_000_000,
            instrumentation_scope=SCOPE,
        )


def _context(place: SpanId) -> SpanContext:
    return SpanContext(place.trace_id, place.span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _rejected(answer: bytes) -> int:
    """Spans that the receiver's answer says it did not take; an answer in another form says nothing."""
    try:
        read = ExportTraceServiceResponse.FromString(answer)  # type: ignore[no-untyped-call]
    except DecodeError:
        return 0
    return int(read.partial_success.rejected_spans)
