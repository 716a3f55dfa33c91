"""
Money: what pods cost, at which prices, and what has no price.
"""

from collector.catalog.metrics.metric import Metric

COST = Metric(
    "lynceus_cost_total",
    "counter",
    ("cluster", "namespace", "product", "currency"),
    "Cost of finished pods at the active price books, each by what was known at its end: it rises with later evidence, but "
    "never falls, so bills are made from the tables.",
)
UNPRICED_PODS = Metric(
    "lynceus_cost_unpriced_pods_total",
    "counter",
    ("cluster", "reason"),
    "Finished pods without a price, or with a guessed price, by reason.",
)
RUNNING_COST = Metric(
    "lynceus_cost_running_per_hour",
    "gauge",
    ("cluster", "product", "currency"),
    "Cost per hour of the pods that are billed now, at the active price books; pods without a price are not included.",
)
ATTEMPT_COST = Metric(
    "lynceus_attempt_cost_total",
    "counter",
    ("cluster", "namespace", "class", "currency"),
    "Cost of the pods of finished attempts by cost class, each by what was known when it was counted; every class but "
    "`useful` is waste.",
)
UNALLOCATED_COST = Metric(
    "lynceus_cost_unallocated_total",
    "counter",
    ("cluster", "currency"),
    "Cost of finished pods that no department pays; pods whose workflow was not seen are not included.",
)
DEPARTMENT_COST = Metric(
    "lynceus_department_cost_month_to_date",
    "gauge",
    ("department", "currency"),
    "To pay for this month so far by department: charges as the provider bills them, and shared costs of the statement.",
)
BUDGET_AMOUNT = Metric(
    "lynceus_budget_amount",
    "gauge",
    ("budget", "department", "currency"),
    "A budget's amount for this month; `department` is empty where its `where` names none.",
)
BUDGET_USED = Metric(
    "lynceus_budget_used_ratio",
    "gauge",
    ("budget", "department", "currency"),
    "To pay for this month so far in parts of the budget, shared costs included; absent where nothing has a known price.",
)
BUDGET_FORECAST = Metric(
    "lynceus_budget_forecast_ratio",
    "gauge",
    ("budget", "department", "currency", "bound"),
    "What this month will cost in parts of the budget: likely, and from low to high in four of five cases; absent without "
    "three weeks of history.",
)
BUDGET_THRESHOLD = Metric(
    "lynceus_budget_threshold_reached",
    "gauge",
    ("budget", "department", "currency", "kind", "percent"),
    "1 if what is used (kind actual) or likely (kind forecast) reaches a threshold of the budget, else 0.",
)
COST_ANOMALIES = Metric(
    "lynceus_cost_anomalies",
    "gauge",
    ("department", "currency"),
    "Versions, runs and days that began to cost far more than usual, today or yesterday; absent without one.",
)
ANOMALY_EXCESS = Metric(
    "lynceus_cost_anomaly_excess",
    "gauge",
    ("department", "currency"),
    "What the anomalies of lynceus_cost_anomalies cost beyond the usual, so far.",
)
PRICES_READ = Metric(
    "lynceus_price_book_read_timestamp_seconds",
    "gauge",
    ("book",),
    "When the source of a price book's oldest row in use was last read.",
)
PRICES_VALID_UNTIL = Metric(
    "lynceus_price_book_valid_until_timestamp_seconds",
    "gauge",
    ("book",),
    "When the last row of a price book ends; absent for rows without an end.",
)
