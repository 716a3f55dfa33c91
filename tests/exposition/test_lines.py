"""Our writer against prometheus-client's writers and parsers: whatever the labels and values are, the same samples."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Exemplar as TheirExemplar
from prometheus_client.core import Metric as TheirFamily
from prometheus_client.exposition import generate_latest as plain_text
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from prometheus_client.registry import Collector

from collector.catalog.counters import Buckets, Exemplar, Labels
from collector.catalog.metrics import Metric
from collector.exposition.lines import LONGEST_EXEMPLAR, SPARE, Family, Writer
from tests.exposition.test_prometheus import LABELS
from tests.web.fleet import NOW

MEANING = 'A "meaning" with \\ and\na line.'
GAUGE = Metric("some_gauge", "gauge", ("a", "b"), MEANING)
COUNTER = Metric("some_counter_total", "counter", ("a", "b"), MEANING)
HISTOGRAM = Metric("some_seconds", "histogram", ("a", "b"), MEANING, (0.5, 1, 300))

HOSTILE_LABELS = st.tuples(*[LABELS | st.text(st.characters()) | st.sampled_from(["100 %", "%s", "%%", "\ud800"])] * 2)
NUMBERS: st.SearchStrategy[float | Decimal] = (
    st.floats() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
)
TOTALS: st.SearchStrategy[float | Decimal] = (
    st.integers(0, 2**70) | st.decimals(0, 10**30, allow_nan=False) | st.floats(0, allow_infinity=False)
)
EXEMPLARS = st.builds(
    Exemplar,
    st.sampled_from(["workflow_uid", "trace_id"]),
    # prometheus-client's parser, not its writer, stumbles over some of these in an exemplar.
    st.text(st.characters(exclude_characters='"\\\n#{}=, '), max_size=150),
    st.integers(0, 2 * NOW),
)
BUCKETS = st.builds(
    Buckets,
    st.lists(st.integers(0, 2**40), min_size=4, max_size=4),
    st.floats(0, allow_infinity=False),
    st.fixed_dictionaries(
        {},
        optional={
            0: st.tuples(st.floats(0, 0.5), EXEMPLARS),
            2: st.tuples(st.floats(1, 300), EXEMPLARS),
            3: st.tuples(st.floats(301, 10**9), EXEMPLARS),
        },
    ),
)
FAMILIES = st.tuples(
    st.builds(Family, st.just(GAUGE), st.dictionaries(HOSTILE_LABELS, NUMBERS, max_size=4)),
    st.builds(Family, st.just(COUNTER), st.dictionaries(HOSTILE_LABELS, TOTALS, max_size=4)),
    st.builds(Family, st.just(HISTOGRAM), histograms=st.dictionaries(HOSTILE_LABELS, BUCKETS, max_size=3)),
)


def carried(text: str) -> str:
    """What of a text UTF-8 can carry."""
    return text.encode("utf-8", "replace").decode()


def theirs(family: Family) -> TheirFamily:
    """The family as prometheus-client has it."""
    metric = family.metric
    if metric.buckets:
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, buckets in family.histograms.items():
            lines: list[Any] = [
                [bound, count, None]
                for bound, count in zip(
                    (*(str(float(b)) for b in metric.buckets), "+Inf"), accumulate(buckets.counts), strict=True
                )
            ]
            for place, (value, of) in buckets.exemplars.items():
                if len(of.label) + len(of.value) <= LONGEST_EXEMPLAR:
                    lines[place][2] = TheirExemplar({of.label: carried(of.value)}, value, of.at / 1000)
            histogram.add_metric([*map(carried, labels)], lines, buckets.sum)
        return histogram
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    flat = make(metric.name, metric.help, labels=metric.labels)
    series = family.series
    for key, amount in series.items():
        flat.add_metric([*map(carried, key)], float(amount))
    return flat


class Source(Collector):
    """Families as prometheus-client's writers take them, gathered when it is made."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._gathered = [theirs(family) for family in families]

    def collect(self) -> Iterable[TheirFamily]:
        return self._gathered


def written(families: Iterable[Family], openmetrics: bool = False, writer: Writer | None = None) -> bytes:
    return b"".join((writer or Writer()).write(families, openmetrics))


Parse = Callable[[str], Iterable[TheirFamily]]


def read(parse: Parse, body: bytes, exemplars: bool = True) -> list[Any]:
    """All that a parser finds; as text, since NaN is not equal to itself."""
    return [
        (
            f.name,
            f.type,
            f.documentation,
            [repr((s.name, sorted(s.labels.items()), float(s.value), exemplars and s.exemplar)) for s in f.samples],
        )
        for f in parse(body.decode())
    ]


@given(FAMILIES)
def test_plain_text_is_read_as_prometheus_clients_is(families: tuple[Family, ...]) -> None:
    """Names, kinds, meanings, labels and values, NaN and infinities among them."""
    assert read(parse_plain, written(families)) == read(parse_plain, plain_text(Source(families)))


@given(FAMILIES)
def test_openmetrics_is_read_as_prometheus_clients_is(families: tuple[Family, ...]) -> None:
    """With the exemplars that are short enough."""
    ours = written(families, True)
    reference = openmetrics_text(Source(families))  # type: ignore[no-untyped-call]

    assert read(parse_openmetrics, ours) == read(parse_openmetrics, reference)


@given(FAMILIES)
def test_both_formats_hold_the_same_samples(families: tuple[Family, ...]) -> None:
    """Exemplars are OpenMetrics' alone."""
    writer = Writer()
    plain, openmetrics = (written(families, openmetrics, writer) for openmetrics in (False, True))

    assert b" # {" not in plain
    assert [found[3] for found in read(parse_plain, plain, exemplars=False)] == [
        found[3] for found in read(parse_openmetrics, openmetrics, exemplars=False)
    ]


@given(st.lists(FAMILIES, max_size=4))
def test_what_is_remembered_changes_no_answer(scrapes: list[tuple[Family, ...]]) -> None:
    """However series come and go between scrapes."""
    remembering = Writer()

    for families in scrapes:
        assert written(families, True, remembering) == written(families, True)


def test_what_is_remembered_is_bounded() -> None:
    """By what is there now: names of objects come and go for months."""
    writer = Writer()
    for first in range(0, 100_000, 1000):
        written([Family(GAUGE, {("a", str(n)): 1.0 for n in range(first, first + 1000)})], writer=writer)

    assert len(writer._texts["some_gauge"]) <= 3 * 1000 + SPARE


def test_labels_of_another_release_are_left_out() -> None:
    """A stored total whose labels the catalogue no longer has would be a series with the wrong meaning."""
    families = (
        Family(COUNTER, {("a",): 7, ("a", "b"): 8}),
        Family(HISTOGRAM, histograms={("a",): Buckets([1, 0, 0, 0], 0.1)}),
    )

    [counter, histogram] = parse_plain(written(families).decode())

    assert [(s.labels, s.value) for s in counter.samples] == [({"a": "a", "b": "b"}, 8)]
    assert histogram.samples == []


@pytest.mark.parametrize("uid", ['"', "\\", "a\nb", "} 1 2\nevil 5", "uid", "\u00fc"])
def test_a_hostile_exemplar_is_written_as_prometheus_client_writes_it(uid: str) -> None:
    """Escaped as a label is."""
    family = Family(
        HISTOGRAM, histograms={("a", "b"): Buckets([0, 1, 0, 0], 0.7, {1: (0.7, Exemplar("trace_id", uid, NOW))})}
    )
    reference = openmetrics_text(Source([family]))  # type: ignore[no-untyped-call]

    ours, theirs_ = ([x for x in body.split(b"\n") if b" # {" in x] for body in (written([family], True), reference))

    assert (
        [x.partition(b" # ")[2].rpartition(b" ")[0] for x in ours]
        == [x.partition(b" # ")[2].rpartition(b" ")[0] for x in theirs_]
        != []
    )


@pytest.mark.parametrize(("length", "there"), [(LONGEST_EXEMPLAR - len("trace_id"), True), (LONGEST_EXEMPLAR, False)])
def test_an_exemplar_that_is_too_long_is_left_out(length: int, there: bool) -> None:
    """A scraper would refuse all that was scraped."""
    buckets = Buckets([1, 0, 0, 0], 0.1, {0: (0.1, Exemplar("trace_id", "x" * length, NOW))})

    body = written([Family(HISTOGRAM, histograms={("a", "b"): buckets})], True)

    assert (b" # {" in body) == there


def test_money_is_written_to_the_last_bit() -> None:
    """The nearest number of 64 bits, and an integer with all its digits."""
    series: dict[Labels, float | Decimal] = {("a", "1"): Decimal("12649.410789012345678901"), ("a", "2"): 2**60 + 1}

    body = written([Family(COUNTER, series)]).decode()

    assert [line.split()[-1] for line in body.splitlines()[2:]] == ["12649.410789012345", str(2**60 + 1)]
