"""
What those who read the rows of some departments see of this moment.
"""

from collector.web.api_model import ApiModel
from collector.web.api_money import MoneyNow


class ClusterOfAll(ApiModel):
    """A cluster that departments share."""

    name: str
    """Name of the cluster."""
    ready: bool
    """False: not everything that happens there is seen."""
    gaps: list["SeenGap"]
    """Times of the last day in which it was not watched: figures of them are incomplete."""


class SeenGap(ApiModel):
    """A time in which a kind of objects was not watched."""

    kind: str
    """Kind of the objects."""
    begin_at: int
    """Begin, Unix milliseconds."""
    end_at: int
    """End, Unix milliseconds."""


class DepartmentLive(ApiModel):
    """The present for a visitor who reads some departments. Queues, limits and names are of all, and are not here."""

    at_ms: int
    """Time of the view, Unix milliseconds."""
    departments: list[str]
    """Whose rows the visitor reads."""
    clusters: list[ClusterOfAll]
    """Every cluster that is watched."""
    money: MoneyNow | None
    """Of these departments alone, totals and shares too. Null: this server shows no money."""
