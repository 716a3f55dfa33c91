"""Metrics as data: declared once, as Prometheus wants them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from collector.catalog import metrics

COLLECTOR = Path(metrics.__file__).parents[2]


def test_every_metric_is_declared_once() -> None:
    """One declaration per name, with Prometheus' conventions for units and kinds."""
    names = [metric.name for metric in metrics.METRICS]

    assert len(names) == len(set(names))
    assert {m.name for m in metrics.OF_THE_PROCESS} == {name for name in names if not name.startswith("lynceus_")}
    assert {m.name for m in metrics.METRICS if m.kind == "counter"} == {n for n in names if n.endswith("_total")}
    assert all((m.kind == "histogram") == bool(m.buckets) for m in metrics.METRICS)


def test_every_metric_of_the_module_is_in_the_list() -> None:
    """A declared metric is exposed and documented."""
    declared = {value.name for value in vars(metrics).values() if isinstance(value, metrics.Metric)}

    assert declared == {metric.name for metric in metrics.METRICS}


def test_buckets_rise() -> None:
    """The first bucket is below the pick-up time of an idle controller."""
    assert all(list(m.buckets) == sorted(set(m.buckets)) for m in metrics.METRICS)
    assert metrics.QUEUE_LATENCY.buckets[0] <= 0.01


def updates() -> Iterator[tuple[str, metrics.Metric, set[str]]]:
    """Each call in the collector that updates a declared counter: place, metric, and given labels."""
    for path in sorted(COLLECTOR.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            first = node.args[0]
            name = first.attr if isinstance(first, ast.Attribute) else getattr(first, "id", "")
            metric = vars(metrics).get(name)
            by_name = all(keyword.arg for keyword in node.keywords)
            if node.func.attr in {"add", "observe", "initialise"} and isinstance(metric, metrics.Metric) and by_name:
                place = f"{path.relative_to(COLLECTOR)}:{node.lineno}"
                yield place, metric, {str(keyword.arg) for keyword in node.keywords}


def test_every_update_gives_the_labels_that_its_metric_declares() -> None:
    """Counters check labels when they are moved; this finds a wrong name in a branch that no other test takes."""
    found = list(updates())

    assert [place for place, metric, labels in found if labels != set(metric.labels)] == []
    counted = {metric.name for _, metric, _ in found}
    elsewhere = {m.name for m in metrics.OF_THE_PROCESS}
    assert {m.name for m in metrics.METRICS if m.kind != "gauge"} - counted - elsewhere <= {
        metrics.ATTEMPT_COST.name,  # its label `class` is a keyword of Python
        metrics.CRON_MISSED.name,
        metrics.CRON_SKIPPED.name,
        metrics.LABEL_OVERFLOW.name,
        metrics.ROLLED_UP_DAYS.name,
    }
