"""
What dashboards are built from besides the catalogue: the numbers of the alerts, where people read runbooks and open the
collector's pages, and the zone in which the days of a bill begin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alerts.boxes import Box
from alerts.numbers import Number, Numbers
from dashboards.links import to_page, to_runbook

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Numbers by alert and name, and the address of the runbooks; without an address no panel links to one."""

    alerts: Mapping[str, Mapping[str, Number]]
    runbooks: str = ""
    pages: str = ""
    """Address of the collector's pages, `http.external_url` of the settings; without one nothing leads there."""
    zone: str = "UTC"
    """The billing time zone of the settings, in which days and months of money begin."""

    def of(self, alert: str) -> Numbers:
        """
        The numbers of an alert for series that no override names, so that a line on a panel is the alert's own number.

        `inputs.of("queue_backlog").seconds("age")` is in seconds, `.share(…)` a ratio, `[…]` in the number's own unit.
        """
        return Numbers(self.alerts[alert], Box())

    def runbook(self, alert: str) -> tuple[Json, ...]:
        """The link of a panel to an alert's runbook."""
        return to_runbook(alert, self.runbooks)

    def page(self, title: str, path: str) -> tuple[Json, ...]:
        """The link of a panel or a dashboard to a page of the collector."""
        return to_page(title, path, self.pages)
