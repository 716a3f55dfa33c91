"""
docs/reference/metrics.md, from the catalogue.
"""

from collector.catalog.metrics import METRICS, Metric
from collector.catalog.metrics.metric import MAX_SERIES
from generate.markdown import code, page, table

INTRODUCTION = f"""
Prometheus scrapes these metrics at `/metrics`, as plain text or as OpenMetrics, packed by gzip if it accepts that.
`/metrics?name[]=NAME` returns some of them. Base units: seconds and bytes.
Counters continue after a restart, and stand at 0 for every set of labels that is known before anything of it is counted.
Histograms begin at 0. A gauge whose value is unknown is absent, never 0.
Gauges of queues, workflows, pods and locks say 0 for a day after they last had a sample, as long as the cluster is watched.
A counter or gauge has at most {MAX_SERIES["counter"]:,} series, a histogram {MAX_SERIES["histogram"]:,}.
When a counter or histogram is full, series that have not changed for 5 minutes are added up under `_gone N`, N being their
number, to make room for new ones. If there is none, updates of new series are counted under `_other`, as what goes over in a
gauge is.
`lynceus_label_overflow_total` counts both.
Every series of a cluster disappears when the cluster is removed from the settings.
""".strip()

EXEMPLARS = """
In OpenMetrics each bucket of a latency has an exemplar: `workflow_uid`, the uid of the workflow that was last counted there.
Prometheus keeps exemplars with `--enable-feature=exemplar-storage`. Prometheus 3 stores the buckets of a series as one native
histogram if the scrape has `convert_classic_histograms_to_nhcb: true`.
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
            EXEMPLARS,
            table(("metric", "upper bounds, seconds"), histograms),
        ],
    )


def _buckets(metric: Metric) -> str:
    return ", ".join(f"{bound:g}" for bound in metric.buckets)
