"""
Money in the answers of the API. Amounts are text, since a float loses cents.
"""

from collector.web.api_model import ApiModel


class CurrencyTotal(ApiModel):
    """Cost of all departments today, in one currency."""

    currency: str
    """ISO code of the currency."""
    cost: str | None
    """Null: no pod has a price."""
    accruing: bool
    """True: some of these pods still run."""
    unpriced_pods: int
    """Pods without a price, which are not in the cost."""


class DepartmentMoney(ApiModel):
    """Cost of one department today, in one currency."""

    department: str
    """Name of the department."""
    currency: str
    """ISO code of the currency."""
    cost: str | None
    """Null: none of its pods has a price."""
    share: float | None
    """Share of the currency's total; null if one of them is unknown or the total is 0."""
    accruing: bool
    """True: some of these pods still run."""
    unpriced_pods: int
    """Pods without a price, which are not in the cost."""


class MoneyPerHour(ApiModel):
    """Cost per hour of the pods that are billed now, in one currency."""

    currency: str
    """ISO code of the currency."""
    per_hour: str | None
    """Null: none of them has a price."""
    pods: int
    """Pods that are billed now."""
    unpriced_pods: int
    """Pods among them without a price."""


class MoneyNow(ApiModel):
    """Today's money by department."""

    known: bool
    """False: the store did not answer, and the amounts are missing."""
    detail: str
    """Why the amounts are missing or incomplete."""
    day: str | None = None
    """The billing day, as YYYY-MM-DD."""
    age_ms: int | None = None
    """Time since the store was asked."""
    totals: tuple[CurrencyTotal, ...] = ()
    """Cost of the day by currency."""
    departments: tuple[DepartmentMoney, ...] = ()
    """Cost of the day by department and currency."""
    running: tuple[MoneyPerHour, ...] = ()
    """Cost per hour by currency; known without the store."""
