"""
Which metrics and labels a PromQL expression names, read well enough to hold them against the catalogue.
"""

import re

from alerts import foreign
from collector.catalog.metrics import METRICS, Metric

SCRAPED = {"instance", "job", "le"}
"""Labels that Prometheus adds to what we expose, and the one every histogram has."""

OF_ALERTS = {"alertname", "alertstate", "severity", *(label for metric in METRICS for label in metric.labels)}
"""Labels of Prometheus' own series of alerts."""

BY_NAME = {metric.name: metric for metric in METRICS}
SELECTOR = re.compile(r"(?<![\w:])((?:[a-z_]+:)?(?:lynceus|process|python_gc)_\w+(?::\w+)?)(?:\{([^}]*)\})?")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPING = re.compile(r"\b(?:by|on|ignoring|without)\s*\(([^)]*)\)")


def metric_named(name: str) -> Metric:
    """The metric of the catalogue that a series' name belongs to; fails where there is none."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    metric = BY_NAME.get(name) or BY_NAME.get(base)
    assert metric is not None, f"{name} is not in collector/catalog/metrics/"
    assert metric.name == name or metric.kind == "histogram", f"{name}: {metric.name} is not a histogram"
    return metric


FOREIGN = {metric.name: metric for metric in foreign.METRICS}
FOREIGN_SELECTOR = re.compile(r"(?<!\w)((?:argo|kube)_\w+|up\b)(?:\{([^}]*)\})?")


def check_against_foreign(expr: str) -> None:
    """Fails where an expression names a series of others, or a label of one, that alerts/foreign.py does not declare."""
    assert "lynceus_" not in expr, f"a twin needs no collector: {expr}"
    expr = re.sub(r"#.*", "", expr)
    known = set(SCRAPED)
    for name, matchers in FOREIGN_SELECTOR.findall(expr):
        metric = FOREIGN.get(name) or FOREIGN.get(re.sub(r"_(bucket|sum|count)$", "", name))
        assert metric is not None, f"{name} is not in alerts/foreign.py"
        known |= set(metric.labels)
        unknown = set(MATCHER.findall(matchers)) - set(metric.labels) - SCRAPED
        assert not unknown, f"{name} has no label {unknown} in: {expr}"
    for grouping in GROUPING.findall(expr):
        unknown = {label.strip() for label in grouping.split(",")} - known
        assert not unknown, f"nothing has the label {unknown} in: {expr}"


def check_against_catalogue(expr: str) -> None:
    """Fails where an expression names a metric or a label that is not exposed. An alert may have the labels of any metric."""
    expr = re.sub(r"#.*", "", expr)
    known = SCRAPED | OF_ALERTS if "ALERTS" in expr else set(SCRAPED)
    for name, matchers in SELECTOR.findall(expr):
        labels = _labels(name)
        known |= labels
        unknown = set(MATCHER.findall(matchers)) - labels - SCRAPED
        assert not unknown, f"{name} has no label {unknown} in: {expr}"
    for grouping in GROUPING.findall(expr):
        unknown = {label.strip() for label in grouping.split(",")} - known - {""}
        assert not unknown, f"nothing has the label {unknown} in: {expr}"


def _labels(name: str) -> set[str]:
    if ":" in name:
        # A recorded series has its labels and its metric in its name: level:metric:operation.
        level, metric, _ = name.split(":")
        assert metric in BY_NAME, f"{name} is recorded from {metric}, which is not in the catalogue"
        return set(level.split("_"))
    return set(metric_named(name).labels)
