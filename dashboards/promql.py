"""
PromQL over the catalogue's metrics, for what the viewer chose.

Two replicas may watch one cluster for a moment during a handover, so `max` over the replicas is taken before gauges and
rates are summed. Only what several panels need is here; an expression of one panel stands beside its panel.
"""

from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric

VARIABLES = ("cluster", "namespace", "queue")
"""Labels that a viewer may choose, on dashboards that have the variable."""

COUNTED = "succeeded|failed|platform"
"""Outcomes that a success rate counts; cancelled and invalid runs are not failures."""


def select(metric: Metric, *matchers: str, by: tuple[str, ...] = ("cluster",), suffix: str = "") -> str:
    """A metric's series of the chosen values of the variables in `by` that it has as labels."""
    chosen = [f'{label}=~"${label}"' for label in by if label in metric.labels]
    inside = ", ".join([*chosen, *matchers])
    return f"{metric.name}{suffix}{{{inside}}}" if inside else f"{metric.name}{suffix}"


def once(metric: Metric, series: str) -> str:
    """A gauge or a rate, counted once for all replicas."""
    return f"max by ({', '.join(metric.labels)}) ({series})"


def total(expr: str, by: str = "") -> str:
    """The sum, by some labels."""
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def gauge(metric: Metric, *matchers: str, by: str = "", chosen: tuple[str, ...] = ("cluster",)) -> str:
    """The sum of a gauge by some of its labels."""
    return total(once(metric, select(metric, *matchers, by=chosen)), by)


def peak(metric: Metric, *matchers: str, by: str = "", chosen: tuple[str, ...] = ("cluster",)) -> str:
    """
    The sum of a gauge by some of its labels, each series at its highest in the step.

    A plain gauge shows every n-th sample, so that a peak of seconds vanishes when a day is looked at.
    """
    return total(once(metric, f"max_over_time({select(metric, *matchers, by=chosen)}[$__rate_interval])"), by)


def highest(metric: Metric, *matchers: str, by: str, chosen: tuple[str, ...] = ("cluster",)) -> str:
    """The highest value of a gauge in the whole chosen time, by some of its labels: the same at each step; to rank."""
    seen = f"max_over_time({select(metric, *matchers, by=chosen)}[$__range] @ end())"
    return f"max by ({by}) ({seen})"


def top(count: int, expr: str, ranks: str, by: str) -> str:
    """
    The series of `expr` whose rank is highest, the same ones at each step.

    `topk` over a range chooses again at each step: the legend of a day would list every series that was ever among the first.
    """
    return f"({expr}) and on ({by}) topk({count}, {ranks})"


def rate(
    metric: Metric,
    *matchers: str,
    by: str = "",
    window: str = "$__rate_interval",
    chosen: tuple[str, ...] = ("cluster",),
) -> str:
    """A counter's rate per second, in each step or over `window`, by some of its labels."""
    return total(once(metric, f"rate({select(metric, *matchers, by=chosen)}[{window}])"), by)


def grown(
    metric: Metric,
    *matchers: str,
    by: str = "",
    window: str = "$__rate_interval",
    chosen: tuple[str, ...] = ("cluster",),
) -> str:
    """How much a counter grew, in each step or in `window`, by some of its labels."""
    return total(once(metric, f"increase({select(metric, *matchers, by=chosen)}[{window}])"), by)


def events(metric: Metric, *matchers: str, by: str, chosen: tuple[str, ...] = ("cluster",)) -> str:
    """
    How many of a counter's events fell into each step, whole, by some labels; steps and series without any are absent,
    so that a legend names what happened and not all that could.

    Not `increase`: over `$__rate_interval` it counts an event in every step whose window holds it, as 1.33. A period
    without any event is one series at 0 whose first label is `none`; no series at all means that nothing was scraped.
    """
    series = select(metric, *matchers, by=chosen)
    each = total(once(metric, f"rate({series}[$__rate_interval])"), by)
    quiet = f"sum(increase({series}[$__range] @ end())) == 0"
    name = by.split(",", maxsplit=1)[0]
    return f'(round({each} * $__interval_ms / 1000) > 0) or on () label_replace({quiet}, "{name}", "none", "", "")'


def without_zeros(expr: str, metric: Metric, *, by: str, chosen: tuple[str, ...] = ("cluster",)) -> str:
    """Series of a counter by one label, without those that were 0 in the whole period: a legend names what happened."""
    series = select(metric, by=chosen)
    return f"{expr} and on ({by}) (sum by ({by}) (increase({series}[$__range] @ end())) > 0)"


def per_minute(per_second: str) -> str:
    """A rate per minute."""
    return f"60 * {per_second}"


def quantile(
    share: float,
    metric: Metric,
    *,
    by: str = "",
    window: str = "$__rate_interval",
    chosen: tuple[str, ...] = ("cluster",),
) -> str:
    """A quantile of a histogram, by some labels."""
    series = f"rate({select(metric, by=chosen, suffix='_bucket')}[{window}])"
    merged = f"max by ({', '.join((*metric.labels, 'le'))}) ({series})"
    groups = f"{by}, le" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({groups}) ({merged}))"


def or_zero(expr: str) -> str:
    """0 where no series exists: for counts, where a missing series means 0."""
    return f"({expr}) or vector(0)"


def waiting(by: str = "", chosen: tuple[str, ...] = ("cluster",)) -> str:
    """Workflows whose work has not begun, now."""
    return gauge(catalog.QUEUE_DEPTH, by=by, chosen=chosen)


def success_rate(window: str, *, bad: str, by: str = "", chosen: tuple[str, ...] = ("cluster",)) -> str:
    """
    1 minus the share of runs with a bad outcome (`platform`, or `failed|platform`) among those that count.

    An outcome has no series before the first run with it; that is 0, not an unknown number. No run at all is unknown.
    """
    lost = grown(catalog.FINISHED, f'outcome=~"{bad}"', by=by, window=window, chosen=chosen)
    counted = grown(catalog.FINISHED, f'outcome=~"{COUNTED}"', by=by, window=window, chosen=chosen)
    none = f"0 * {counted}"
    return f"1 - (({lost}) or {none}) / ({counted} > 0)"


def not_stored() -> str:
    """For how long the rows of a collector have waited for the store, in seconds; 0 where none waits."""
    waits = f"max by (instance) ({catalog.SPOOL_ROWS.name}) > bool 0"
    return f"max(({waits}) * (time() - max by (instance) ({catalog.STORE_LAST_INSERT.name})))"
