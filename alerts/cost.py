"""
Alerts about money: what suddenly costs more, what has no price, what no department pays, and what was paid for nothing.

All are tickets: money that is spent is spent, and a person decides in office hours.
"""

from alerts.numbers import SECONDS, Numbers, span
from alerts.promql import increase, observed, once, total
from alerts.rules import Alert, Builder, Recording
from alerts.text import COUNT
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric

BURN = f"cluster_currency:{catalog.RUNNING_COST.name}:sum"
MONEY = '{{ $value | printf "%.2f" }} {{ $labels.currency }}'
DAY_S = SECONDS["days"]
BUDGET = "{{ $labels.budget }} ({{ $labels.currency }})"
BUDGET_LABELS = catalog.BUDGET_USED.labels
"""With `department`, so that its own people can be notified."""

RECORDINGS = (
    Recording(
        # CostSpike reads an hour of it a week later.
        record=BURN,
        expr=total(catalog.RUNNING_COST, catalog.RUNNING_COST.name, "cluster, currency"),
        interval_s=30,
    ),
)


def cost_spike(numbers: Numbers) -> Alert:
    """A loop that submits, or a machine type chosen by mistake: each hour until somebody looks costs as much again."""
    burn, around = numbers.of(BURN), numbers.seconds("around")
    # The hour is centred on the same time of the earlier day. Without that history nothing is compared.
    offset = span(numbers.seconds("back") - around / 2)
    return Alert(
        name="CostSpike",
        expr=(
            f"{burn} > {numbers['least']}\n"
            f"and {burn} > {numbers['times']} * avg_over_time({burn}[{numbers.span('around')}] offset {offset})"
        ),
        severity="warning",
        summary="A cluster costs far more than a week ago.",
        description=(
            f"Pods that run on {{{{ $labels.cluster }}}} cost {MONEY} an hour, more than {numbers.words('times')} as much as "
            f"at this time {numbers.words('back')} ago."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "currency"),
        needs_watch=True,
    )


def cost_anomaly(numbers: Numbers) -> Alert:
    """A version that takes longer, or tries that are repeated: its department pays more each day until somebody looks."""
    excess = once(catalog.ANOMALY_EXCESS, numbers.of(catalog.ANOMALY_EXCESS))
    return Alert(
        name="CostAnomaly",
        expr=f"{excess} > {numbers['least']}",
        severity="warning",
        summary="Workflows of a department cost far more than usual.",
        description=(
            f"What began to cost far more than usual for {{{{ $labels.department }}}} today or yesterday cost {MONEY} more so "
            "far. `lynceus report anomalies` names it, and why."
        ),
        hold=numbers.span("hold"),
        labels=("department", "currency"),
    )


def unpriced_pods(numbers: Numbers) -> Alert:
    """Bills lack these pods, or have a guess for them, and nothing else shows it."""
    window = numbers.span("window")
    unpriced = increase(catalog.UNPRICED_PODS, numbers.of(catalog.UNPRICED_PODS), window, "cluster, reason")
    pods = observed(catalog.POD_START_LATENCY, catalog.POD_START_LATENCY.name, window, "cluster")
    return Alert(
        name="UnpricedPods",
        expr=f"{unpriced}\n> on (cluster) group_left () {numbers.share('share')} * {pods}",
        severity="warning",
        summary="Pods have no price, or a guessed one.",
        description=(
            f"{COUNT} pods of {{{{ $labels.cluster }}}} ended in {numbers.words('window')} without an exact price "
            f"({{{{ $labels.reason }}}}), more than {numbers.words('share')} of the pods that started. "
            "Bills are too low, or a guess."
        ),
        labels=("cluster", "reason"),
    )


def prices_stale(numbers: Numbers) -> tuple[Alert, ...]:
    """Pods after the last row of a book have no price; a price that was not read for long may be wrong."""
    until = once(catalog.PRICES_VALID_UNTIL, numbers.of(catalog.PRICES_VALID_UNTIL))
    read = once(catalog.PRICES_READ, numbers.of(catalog.PRICES_READ))
    return (
        _prices(
            "ends",
            f"clamp_min(({until} - time()) / {DAY_S}, 0) < {numbers['left']}",
            f"The last row of the price book {{{{ $labels.book }}}} ends in {COUNT} day(s). Pods after it have no price.",
        ),
        _prices(
            "unread",
            f"(time() - {read}) / {DAY_S} > {numbers['unread']}",
            f"The source of a price in use of the book {{{{ $labels.book }}}} was last read {COUNT} days ago. "
            "Bills may be wrong.",
        ),
    )


def _prices(age: str, expr: str, description: str) -> Alert:
    return Alert(
        name="PricesStale",
        expr=expr,
        severity="warning",
        summary="A price book is out of date.",
        description=description,
        labels=("book",),
        more_labels={"age": age},
    )


def cost_unallocated(numbers: Numbers) -> Alert:
    """What no department pays grows until somebody writes a rule for it."""
    unallocated = _spent(numbers, catalog.UNALLOCATED_COST, "cluster, currency")
    return Alert(
        name="CostUnallocated",
        expr=_share_of(numbers, unallocated, _spent(numbers, catalog.COST, "cluster, currency")),
        severity="warning",
        summary="No department pays a part of the cost.",
        description=(
            f"No department pays {COUNT} % of what pods on {{{{ $labels.cluster }}}} cost ({{{{ $labels.currency }}}}) in "
            f"{numbers.words('window')}. Add a rule to attribution.department."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "currency"),
    )


def waste_high(numbers: Numbers) -> Alert:
    """Money for failed, retried and reclaimed work, which its owner can stop paying."""
    by = "cluster, namespace, currency"
    wasted = _spent(numbers, catalog.ATTEMPT_COST, by, 'class!="useful"')
    return Alert(
        name="WasteHigh",
        expr=_share_of(numbers, wasted, _spent(numbers, catalog.ATTEMPT_COST, by)),
        severity="warning",
        summary="Much of the cost is for work without a result.",
        description=(
            f"{COUNT} % of what finished attempts in {{{{ $labels.namespace }}}} on {{{{ $labels.cluster }}}} cost "
            f"({{{{ $labels.currency }}}}) in {numbers.words('window')} was not useful: "
            "failed, retried, reclaimed or cancelled work."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "namespace", "currency"),
    )


def budget_passed(numbers: Numbers) -> Alert:
    """The department pays more than was planned, and only it can decide what runs in the rest of the month."""
    return Alert(
        name="BudgetPassed",
        expr=f"100 * {_used(numbers)} >= {numbers['share']}",
        severity="warning",
        summary="A budget is used up.",
        description=f"{COUNT} % of the budget {BUDGET} is used this month.",
        labels=BUDGET_LABELS,
    )


def budget_nearly_passed(numbers: Numbers) -> Alert:
    """Early enough to put off what can wait; at which percentage, the budget's own thresholds say."""
    return Alert(
        name="BudgetNearlyPassed",
        expr=f"100 * {_used(numbers)} < {numbers['share']}\n{_at_threshold(numbers, 'actual')}",
        severity="warning",
        summary="A budget is nearly used up.",
        description=f"{COUNT} % of the budget {BUDGET} is used this month.",
        hold=numbers.span("hold"),
        labels=BUDGET_LABELS,
    )


def budget_forecast_to_pass(numbers: Numbers) -> Alert:
    """The earliest sign that a plan and what runs do not fit."""
    likely = numbers.of(catalog.BUDGET_FORECAST, 'bound="likely"')
    return Alert(
        name="BudgetForecastToPass",
        expr=(
            f"100 * max by ({', '.join(BUDGET_LABELS)}) ({likely})\n{_at_threshold(numbers, 'forecast')}\n"
            f"unless 100 * {_used(numbers)} >= {numbers['share']}"
        ),
        severity="warning",
        summary="A budget will likely be passed.",
        description=f"This month will likely cost {COUNT} % of the budget {BUDGET}.",
        hold=numbers.span("hold"),
        labels=BUDGET_LABELS,
    )


def _used(numbers: Numbers) -> str:
    return once(catalog.BUDGET_USED, numbers.of(catalog.BUDGET_USED))


def _at_threshold(numbers: Numbers, kind: str) -> str:
    """PromQL that keeps budgets one of whose own thresholds is reached."""
    series = numbers.of(catalog.BUDGET_THRESHOLD, f'kind="{kind}"')
    return f"and max by ({', '.join(BUDGET_LABELS)}) ({series}) == 1"


def _spent(numbers: Numbers, metric: Metric, by: str, *matchers: str) -> str:
    return increase(metric, numbers.of(metric, *matchers), numbers.span("window"), by)


def _share_of(numbers: Numbers, part: str, whole: str) -> str:
    """PromQL that holds while a part is more than a percentage of the whole, and is money at all."""
    return f"100 * {part}\n/ {whole} > {numbers['share']}\nand {part} > {numbers['least']}"


BUILDERS: tuple[Builder, ...] = (
    cost_spike,
    cost_anomaly,
    unpriced_pods,
    prices_stale,
    cost_unallocated,
    waste_high,
    budget_passed,
    budget_nearly_passed,
    budget_forecast_to_pass,
)
