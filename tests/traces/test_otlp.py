"""Spans on their way to a real receiver: what arrives, and which answers mean what."""

import builtins
import logging
import re
import sys
import time
from pathlib import Path
from typing import Any

import opentelemetry.semconv
import pytest
from msgspec.structs import replace

from collector.settings.model import SettingsError
from collector.settings.traces import TraceSettings
from collector.traces.attempt_spans import spans
from collector.traces.open_receiver import open_receiver
from collector.traces.receiver import ReceiverAwayError, SpansRefusedError, TraceReceiver, requests_of
from collector.traces.span import TraceSpan
from tests.builders import NOON, SECOND
from tests.ports import free_port
from tests.traces.attempts import a_tree
from tests.traces.receiving import as_dict, receiving

RESOURCE = {"service.name": "argo-workflows", "k8s.cluster.name": "c1"}
MADE = spans(a_tree(), 5000)


def a_receiver(url: str, **chosen: Any) -> TraceReceiver:
    return open_receiver(TraceSettings(**{"endpoint": url, "timeout_seconds": 1, **chosen}))


def test_what_arrives_is_what_was_made() -> None:
    """Decoded by the protocol's own classes: ids, parents, times, kinds, status, attributes, and the resource."""
    second = spans(replace(a_tree(), run=replace(a_tree().run, attempt=2, outcome="failed", message="lost")), 5000)
    with receiving() as there:
        receiver = a_receiver(there.url)
        receiver.send(RESOURCE, MADE)
        receiver.send(RESOURCE, second)
        receiver.close()

    assert there.resources == [RESOURCE, RESOURCE]
    assert there.headers[0]["content-encoding"] == "gzip"
    for sent, got in zip([*MADE, *second], there.spans, strict=True):
        assert int.from_bytes(got.trace_id, "big") == sent.place.trace_id
        assert int.from_bytes(got.span_id, "big") == sent.place.span_id
        assert int.from_bytes(got.parent_span_id, "big") == (sent.parent.span_id if sent.parent else 0)
        assert (got.name, as_dict(got.attributes)) == (sent.name, sent.attributes)
        assert (got.start_time_unix_nano, got.end_time_unix_nano) == (sent.start * 10**6, sent.end * 10**6)
        assert (got.status.code, got.status.message) == ((2, sent.message) if sent.failed else (0, ""))
        assert [int.from_bytes(link.span_id, "big") for link in got.links] == [link.span_id for link in sent.links]
    assert [got.kind for got in there.spans[:2]] == [2, 1]  # SPAN_KIND_SERVER, SPAN_KIND_INTERNAL
    assert (there.spans[0].start_time_unix_nano, there.spans[0].end_time_unix_nano) == (
        NOON * 10**6,
        (NOON + 100 * SECOND) * 10**6,
    )


def test_a_second_export_is_the_same_bytes() -> None:
    """So a receiver that knows a trace learns nothing new."""
    with receiving() as there:
        for _ in range(2):
            receiver = a_receiver(there.url)
            receiver.send(RESOURCE, spans(a_tree(), 5000))
            receiver.close()

    assert there.requests[0] == there.requests[1]


def test_an_answer_of_503_is_repeated_within_the_time_limit() -> None:
    """The exporter's own repetition, after about a second."""
    with receiving() as there:
        there.answers = [503]
        receiver = a_receiver(there.url, timeout_seconds=10)
        receiver.send(RESOURCE, MADE)
        receiver.close()

    assert (there.tried, len(there.spans)) == (2, len(MADE))


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 503])
def test_an_answer_with_a_remedy_is_no_refusal(status: int) -> None:
    """A token, an address or a receiver can be corrected; the spans are kept until then. A redirect is not taken as success."""
    with receiving() as there:
        there.answers = [status] * 9
        receiver = a_receiver(there.url)
        with pytest.raises(ReceiverAwayError, match=f"answered {status}"):
            receiver.send(RESOURCE, MADE)
        receiver.close()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_answer_about_the_spans_is_a_refusal(status: int) -> None:
    """The same bytes would be refused again."""
    with receiving() as there:
        there.answers = [status]
        receiver = a_receiver(there.url)
        with pytest.raises(SpansRefusedError, match=f"answered {status}"):
            receiver.send(RESOURCE, MADE)
        receiver.close()


def test_spans_that_the_receiver_did_not_take_are_a_refusal() -> None:
    """The protocol's partial success: status 200, and a number of rejected spans."""
    with receiving() as there:
        there.rejects = 3
        receiver = a_receiver(there.url)
        with pytest.raises(SpansRefusedError, match="all but 3"):
            receiver.send(RESOURCE, MADE)
        receiver.close()


def test_spans_that_cannot_be_encoded_are_a_refusal() -> None:
    """Half a character is not UTF-8; to send it again for ever would stop all others."""
    broken = replace(MADE[0], name="\ud800")
    with receiving() as there:
        receiver = a_receiver(there.url)
        with pytest.raises(SpansRefusedError, match="encoded"):
            receiver.send(RESOURCE, [broken])
        receiver.send(RESOURCE, MADE)
        receiver.close()

    assert len(there.spans) == len(MADE)


def test_a_receiver_that_hangs_or_is_absent_is_given_up_in_time() -> None:
    """Within the time limit, all repetitions included."""
    with receiving() as there:
        there.hangs.set()
        for url in (there.url, f"http://127.0.0.1:{free_port()}/v1/traces"):
            receiver, began = a_receiver(url), time.monotonic()
            with pytest.raises(ReceiverAwayError, match="no answer"):
                receiver.send(RESOURCE, MADE)
            assert time.monotonic() - began < 3
            receiver.close()
        there.hangs.clear()


def test_headers_come_from_the_file_at_each_request(tmp_path: Path) -> None:
    """A new token needs no restart."""
    file = tmp_path / "headers"
    with receiving() as there:
        receiver = a_receiver(there.url, headers_file=str(file))
        for token in ("one", "two"):
            file.write_text(f"Authorization: Bearer {token}\nX-Scope-OrgID: maps\n", encoding="utf-8")
            receiver.send(RESOURCE, MADE)
        receiver.close()

    assert [h["authorization"] for h in there.headers] == ["Bearer one", "Bearer two"]
    assert there.headers[0]["x-scope-orgid"] == "maps"
    assert there.headers[0]["content-type"] == "application/x-protobuf"


def test_no_secret_is_in_an_error_or_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither that of a header that was sent, nor of a line that is none, nor of a file that is not text."""
    caplog.set_level(logging.DEBUG)
    file, texts = tmp_path / "headers", list[str]()
    for content in (b"Authorization: Bearer hunter2", b"Authorization hunter2", b"\xff\xfehunter2", None):
        file.write_bytes(content) if content is not None else file.unlink()
        receiver = a_receiver(f"http://127.0.0.1:{free_port()}/v1/traces", headers_file=str(file))
        with pytest.raises(ReceiverAwayError) as error:
            receiver.send(RESOURCE, MADE)
        texts.append(str(error.value))
        receiver.close()

    assert "hunter2" not in caplog.text + "".join(texts)
    assert texts[1] == "traces.headers_file: line 1 is not a header, expected `Name: value`"
    assert texts[3] == "traces.headers_file: No such file or directory"


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OTEL_* variables and proxies are for other programs: what goes where is the settings' alone."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20stray")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/v1/traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "absent"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "deflate")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "stray=yes")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with receiving() as there:
        receiver = a_receiver(there.url)
        receiver.send(RESOURCE, MADE)
        receiver.close()

    assert there.resources == [RESOURCE]
    assert "authorization" not in there.headers[0]
    assert as_dict(there.spans[0].attributes) == MADE[0].attributes


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is optional; without traces it is not needed."""
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *more)

    monkeypatch.delitem(sys.modules, "collector.traces.otlp", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r"traces.endpoint: needs opentelemetry-exporter-otlp-proto-http.*install"):
        a_receiver("http://127.0.0.1:4318/v1/traces")


def test_names_of_attributes_are_those_of_opentelemetry() -> None:
    """What does not begin with our own name is a name of its semantic conventions."""
    folder = Path(str(next(iter(opentelemetry.semconv.__path__))))
    known = {
        name
        for file in folder.rglob("*_attributes.py")
        for name in re.findall(r'^[A-Z_0-9]+: Final = "([^"]+)"', file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    used = {name for span in MADE for name in span.attributes if not name.startswith("lynceus.")}

    assert len(used) > 10
    assert used <= known


def test_a_large_trace_goes_in_several_requests() -> None:
    """Receivers limit the size of one."""
    many: list[TraceSpan] = MADE * 200
    cut = requests_of(many)

    assert [span for each in cut for span in each] == many
    assert max(map(len, cut)) == 512
