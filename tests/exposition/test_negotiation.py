"""What a scraper's headers ask for."""

import pytest

from collector.exposition.negotiation import choose

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PROTOBUF_FIRST = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6," + PROMETHEUS_3
)


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2_42,
        PROMETHEUS_3,
        PROTOBUF_FIRST,
        "application/openmetrics-text",
        "Application/OpenMetrics-Text; Version=1.0.0",
        'application/openmetrics-text; version="1.0.0"; charset=utf-8',
        "application/openmetrics-text;q=0.5,text/plain;q=0.5",
        "application/openmetrics-text;q=0.5,text/plain;q=0.1,*/*",
        "application/openmetrics-text;q=0.5,text/html",
    ],
)
def test_openmetrics_is_for_who_prefers_it(accept: str) -> None:
    """The most specific entry says how much a format is wanted; equal wishes are for the richer format."""
    assert choose(accept, "").openmetrics


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/plain",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "application/openmetrics-text;q=0, text/plain",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;q=0.2,text/plain;q=0.3",
        "application/openmetrics-text;q=0.2,*/*;q=0.3",
        "application/openmetrics-text;q=much",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text-but-not",
        ";;,,=;q=",
        "x" * 10_000,
    ],
)
def test_everybody_else_gets_plain_text(accept: str) -> None:
    """A refusal, another version or nonsense; an answer in a format that was not named beats none."""
    assert not choose(accept, "").openmetrics


@pytest.mark.parametrize(
    "encoding",
    [
        "gzip",
        "GZIP",
        "deflate, gzip;q=1.0, *;q=0.5",
        "*",
        "x-gzip",
        "br;q=1.0, gzip;q=0.8",
        "gzip, identity",
        "identity;q=0, gzip;q=0.1",
    ],
)
def test_gzip_is_for_who_accepts_it(encoding: str) -> None:
    """By name or by star."""
    assert choose("", encoding).gzip


@pytest.mark.parametrize(
    "encoding",
    [
        "",
        "identity",
        "br",
        "gzip;q=0",
        "gzip;q=0, *",
        "*;q=0",
        "gzip;q=0.5, identity;q=0.6",
        "gzip;q=",
        "notgzip",
        "gzip;q=2",
    ],
)
def test_nobody_else_gets_gzip(encoding: str) -> None:
    """`q=0` is a no, also beside a star."""
    assert not choose("", encoding).gzip


def test_names_are_taken_as_they_are() -> None:
    """None means all."""
    assert choose("", "").names == frozenset()
    assert choose("", "", ["a", "b", "a"]).names == {"a", "b"}
