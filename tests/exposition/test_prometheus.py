"""What a scraper reads, compared with the catalogue, prometheus-client's parsers and promtool."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from collector.catalog import metrics as catalog
from collector.catalog.counters import Counters
from collector.catalog.metrics.metric import MAX_SERIES
from collector.exposition.prometheus import render
from tests.promtool.tool import promtool
from tests.web.fleet import HOSTILE, MINUTE, a_cluster, a_store, a_view, a_watch, some_counters, waiting
from tests.web.full_fleet import a_full_fleet

MANY = MAX_SERIES["gauge"]
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def families(body: bytes, openmetrics: bool = False) -> dict[str, Family]:
    """What a parser makes of an answer, by the name that the catalogue uses."""
    parse = parse_openmetrics if openmetrics else parse_plain
    return {f.name + ("_total" if f.type == "counter" else ""): f for f in parse(body.decode())}


def named(metric: catalog.Metric) -> dict[str, str]:
    """Some value for each label of a metric."""
    return {label: label for label in metric.labels}


def samples(body: bytes, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name by their label values, in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(s.labels.items())): s.value
        for family in parse_plain(body.decode())
        for s in family.samples
        if s.name == name
    }


@pytest.mark.parametrize("openmetrics", [False, True])
def test_every_metric_of_the_catalogue_is_exposed_and_no_other(openmetrics: bool) -> None:
    """Names, kinds and meanings are the catalogue's, whichever format is spoken."""
    exposed = families(render(a_view(), Counters(), openmetrics), openmetrics)

    assert {(name, f.type, f.documentation) for name, f in exposed.items()} == {
        (metric.name, metric.kind, metric.help) for metric in catalog.METRICS
    }


def test_samples_carry_the_labels_of_the_catalogue() -> None:
    """Every declared label is there, and no other but a histogram's bound."""
    counters = Counters()
    for metric in catalog.METRICS:
        if metric.kind == "counter":
            counters.add(metric, **named(metric))
        elif metric.kind == "histogram":
            counters.observe(metric, 1.0, **named(metric))

    exposed = families(render(a_full_fleet(), counters))

    for metric in catalog.METRICS:
        assert exposed[metric.name].samples, metric.name
        for sample in exposed[metric.name].samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)


def test_promtool_finds_no_problem() -> None:
    """Prometheus' own linter is content with what a busy collector answers."""
    counters = some_counters()
    counters.add(catalog.COST, Decimal("12.3"), cluster="prod", namespace="ns", product="eci", currency="USD")
    counters.observe(catalog.QUEUE_LATENCY, 0.07, cluster="prod", queue="q")

    assert promtool("check", "metrics", stdin=render(a_full_fleet(), counters)) == ""


def test_depth_counts_only_what_has_not_begun() -> None:
    """Workflows that wait after work began are not a queue; another gauge counts them by reason."""
    body = render(a_view(), Counters())

    assert samples(body, "lynceus_queue_depth") == {
        ("prod-hz", "perception", "nightly", "throttled"): 412,
        ("prod-hz", "perception", "nightly", "lock"): 80,
    }
    assert samples(body, "lynceus_workflows") == {
        ("prod-hz", "perception", "running"): 500,
        ("prod-hz", "perception", "starting"): 31,
    }


def test_oldest_age_is_the_queues_oldest_of_all_reasons() -> None:
    """One age per queue: that of the workflow that has waited longest, for any reason."""
    body = render(a_view(), Counters())

    assert samples(body, "lynceus_queue_oldest_age_seconds") == {("prod-hz", "perception", "nightly"): 134 * 60}


def test_an_object_from_the_future_has_waited_no_time() -> None:
    """An API server's clock may run ahead of ours; no age is negative."""
    view = a_view(queues=[waiting(("prod-hz", "ns", "q"), "unseen", count=1, age_ms=-5 * MINUTE)])

    assert samples(render(view, Counters()), "lynceus_queue_oldest_age_seconds") == {("prod-hz", "ns", "q"): 0}


def test_a_queue_that_empties_disappears() -> None:
    """A gauge shows what is; a queue without workflows has no series that could freeze."""
    assert samples(render(a_view(queues=[]), Counters()), "lynceus_queue_depth") == {}


def test_an_unknown_time_has_no_sample() -> None:
    """A watch without events and a store without rows have no timestamp, instead of 1970."""
    cluster = a_cluster("prod-hz", ready=False, watches=[a_watch("prod-hz", last_event_at=None)])
    body = render(a_view(clusters=[cluster], store=a_store(reachable=False, last_insert_at=None)), Counters())

    assert samples(body, "lynceus_watch_last_event_timestamp_seconds") == {}
    assert samples(body, "lynceus_store_last_insert_timestamp_seconds") == {}
    assert samples(body, "lynceus_cluster_up") == {("prod-hz",): 0}
    assert samples(body, "lynceus_store_up") == {(): 0}


def test_histograms_are_cumulative_with_the_bounds_of_the_catalogue() -> None:
    """Each bucket counts what is at most its bound; +Inf counts all; rules rely on exact bounds such as 300.0."""
    counters = Counters()
    for seconds in (0.01, 0.07, 299, 90000):
        counters.observe(catalog.QUEUE_LATENCY, seconds, cluster="prod", queue="q")

    body = render(a_view(), counters)

    buckets = samples(body, "lynceus_queue_latency_seconds_bucket")
    assert [le for _, le, _ in buckets] == [*(str(float(b)) for b in catalog.QUEUE_LATENCY.buckets), "+Inf"]
    assert [buckets["prod", le, "q"] for le in ("0.01", "0.1", "300.0", "21600.0", "+Inf")] == [1, 2, 3, 3, 4]
    assert samples(body, "lynceus_queue_latency_seconds_count") == {("prod", "q"): 4}
    assert samples(body, "lynceus_queue_latency_seconds_sum") == {("prod", "q"): pytest.approx(90299.08)}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_no_created_series(openmetrics: bool) -> None:
    """They double the series and no rule of ours reads them."""
    assert b"_created" not in render(a_view(), some_counters(), openmetrics)


@given(st.decimals(0, 10**12, places=18, allow_nan=False))
def test_money_is_the_nearest_number_that_prometheus_can_hold(cost: Decimal) -> None:
    """A sample is a 64-bit float: the text read back is the one closest to the exact amount."""
    counters = Counters()
    counters.add(catalog.COST, cost, cluster="c", namespace="n", product="p", currency="USD")

    assert samples(render(a_view(), counters), "lynceus_cost_total") == {("c", "USD", "n", "p"): float(cost)}


LABELS = st.text(st.characters(codec="utf-8")) | st.sampled_from([HOSTILE, "\\", '"', "\n", "a\\nb", "\r", "{}", "\0"])


@pytest.mark.parametrize("openmetrics", [False, True])
@given(LABELS, LABELS)
def test_hostile_names_come_back_as_they_were(openmetrics: bool, namespace: str, queue: str) -> None:
    """Any name of a queue is read back unchanged."""
    view = a_view(queues=[waiting(("prod-hz", namespace, queue), "unseen", count=3, age_ms=MINUTE)])

    [sample] = families(render(view, Counters(), openmetrics), openmetrics)["lynceus_queue_depth"].samples

    assert sample.labels == {"cluster": "prod-hz", "namespace": namespace, "queue": queue, "reason": "unseen"}
    assert sample.value == 3


def test_promtool_reads_hostile_names() -> None:
    """Prometheus' own parser takes them as well; a name that it refused would cost the whole scrape."""
    view = a_view(queues=[waiting(("prod-hz", HOSTILE, "\0\r\t\u2028\ufffe"), "unseen", count=3, age_ms=MINUTE)])

    assert promtool("check", "metrics", stdin=render(view, Counters())) == ""


def test_a_lone_surrogate_costs_one_letter_not_the_scrape() -> None:
    """JSON may smuggle in half a character that UTF-8 cannot carry."""
    view = a_view(queues=[waiting(("prod-hz", "ns", "q\ud800"), "unseen", count=3, age_ms=MINUTE)])

    assert samples(render(view, Counters()), "lynceus_queue_depth") == {("prod-hz", "ns", "q?", "unseen"): 3}


def test_a_label_bomb_is_bounded() -> None:
    """With any number of queues a family has a bounded number of series, and their sum stays right."""
    bomb = [waiting(("prod-hz", "ns", f"q{i}"), "unseen", count=1, age_ms=MINUTE + i) for i in range(MANY + 500)]

    body = render(a_view(queues=bomb), Counters())

    depth, age = samples(body, "lynceus_queue_depth"), samples(body, "lynceus_queue_oldest_age_seconds")
    assert len(depth) == len(age) == MANY + 1
    assert depth["_other", "_other", "_other", "_other"] == 500
    assert age["_other", "_other", "_other"] == pytest.approx(60 + (MANY + 499) / 1000)


def test_totals_of_another_release_are_left_out() -> None:
    """A stored total whose labels the catalogue no longer has would be a series with the wrong meaning."""
    counters = Counters()
    counters.restore(
        {"\x1f".join((catalog.SUBMITTED.name, "prod")): "7", "\x1f".join(("lynceus_gone_total", "x")): "1"}
    )

    body = render(a_view(), counters)

    assert samples(body, catalog.SUBMITTED.name) == {}
    assert b"lynceus_gone" not in body
