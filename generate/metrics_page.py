"""
docs/reference/metrics.md, from the catalogue.
"""

from collector.catalog.metrics import METRICS, Metric
from generate.markdown import code, page, table

INTRODUCTION = """
Prometheus scrapes these metrics at `/metrics`. Base units: seconds and bytes.
Counters continue after a restart, and stand at 0 for every set of labels that is known before anything of it is counted.
A gauge whose value is unknown is absent, never 0. Gauges of queues, workflows, pods and locks say 0 for a day after they last
had a sample, as long as the cluster is watched.
A counter or histogram has at most 2,000 series. When it is full, series that have not changed for 5 minutes are added up under
`_gone N`, N being their number, to make room for new ones. If there is none, updates of new series are counted under `_other`.
Every series of a cluster disappears when the cluster is removed from the settings.
""".strip()


def build() -> str:
    """The page."""
    rows = [(code(metric.name), metric.kind, ", ".join(map(code, metric.labels)), metric.help) for metric in METRICS]
    histograms = [(code(metric.name), _buckets(metric)) for metric in METRICS if metric.kind == "histogram"]
    return page(
        title="Metrics",
        source="`collector/catalog/metrics/`",
        parts=[
            INTRODUCTION,
            table(("metric", "kind", "labels", "meaning"), rows),
            "## Histogram buckets",
            table(("metric", "upper bounds, seconds"), histograms),
        ],
    )


def _buckets(metric: Metric) -> str:
    return ", ".join(f"{bound:g}" for bound in metric.buckets)
