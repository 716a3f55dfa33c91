"""Metrics as data: declared once, as Prometheus wants them."""

from collector.catalog import metrics


def test_every_metric_is_declared_once() -> None:
    """One declaration a name; units and kinds as Prometheus wants them."""
    names = [metric.name for metric in metrics.METRICS]

    assert len(names) == len(set(names))
    assert all(name.startswith("lynceus_") for name in names)
    assert {m.name for m in metrics.METRICS if m.kind == "counter"} == {n for n in names if n.endswith("_total")}
    assert all((m.kind == "histogram") == bool(m.buckets) for m in metrics.METRICS)


def test_every_metric_of_the_module_is_in_the_list() -> None:
    """What is declared is exposed and documented."""
    declared = {value.name for value in vars(metrics).values() if isinstance(value, metrics.Metric)}

    assert declared == {metric.name for metric in metrics.METRICS}


def test_buckets_rise() -> None:
    """And begin below what an idle controller takes."""
    assert all(list(m.buckets) == sorted(set(m.buckets)) for m in metrics.METRICS)
    assert metrics.LATENCY_BUCKETS[0] <= 0.01
