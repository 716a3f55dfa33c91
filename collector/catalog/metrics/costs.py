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
