"""
The shape of a month's bill for its page, of all departments or of one (month_report.py reads it).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from collector.core.cost.anomalies import Anomaly
from collector.core.cost.budget import Budget
from collector.core.units import ZERO
from collector.reports.budgets import BudgetState
from collector.reports.completeness import ClusterGaps
from collector.reports.filters import Filter
from collector.reports.forecast import MonthForecast
from collector.reports.likely_owner import UnallocatedCost
from collector.reports.month_difference import AmountDifference, SpansCompared, following, previous, spans_compared
from collector.reports.month_state import MonthState
from collector.reports.report import Span

DAY = timedelta(days=1)
DEPARTMENT = "department"
BREAKDOWNS = ("project", "template", "product", "purchase", "class")
"""The columns by which every month is shown; that of all departments also by department."""
WASTED = ("failed", "retried", "reclaimed", "pending")
"""What the report's waste consists of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPlace:
    """Which bill: a month of a department, or of all."""

    month: date
    """Its first day."""
    department: str = ""
    """Empty: all departments. `unallocated` is what belongs to none."""
    zone: str = "UTC"
    """The billing time zone."""
    today: date
    """The billing day on which somebody looks."""

    @property
    def span(self) -> Span:
        """The whole month."""
        return Span(self.month, following(self.month), self.zone)

    @property
    def before(self) -> Span:
        """The whole month before."""
        return Span(previous(self.month), self.month, self.zone)

    @property
    def is_over(self) -> bool:
        """Whether its last day has ended."""
        return self.today >= self.span.end

    @property
    def compared(self) -> SpansCompared | None:
        """The periods that are compared; None: no day of the month has ended yet."""
        return spans_compared(self.month, self.today, self.zone)

    @property
    def last_compared(self) -> tuple[date, date] | None:
        """The last days of the periods that are compared, that of the month before first."""
        before, after = self.compared or (None, None)
        return (before.end - DAY, after.end - DAY) if before and after else None

    @property
    def filters(self) -> tuple[Filter, ...]:
        """What `--where` has for the department."""
        return (Filter(DEPARTMENT, (self.department,)),) if self.department else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRow:
    """A row of a breakdown: what `report cost --by` has for one value of its column."""

    name: str
    to_pay: Decimal | None
    """None: none of its charges has a price."""
    shared: Decimal
    waste: Decimal
    wasted: Mapping[str, Decimal]
    """The waste by what it was (WASTED)."""
    pods: int
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WastePart:
    """What was lost for one reason, and the template that lost most of it."""

    money_class: str
    """failed, retried, reclaimed or pending."""
    amount: Decimal
    template: str
    of_template: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedItem:
    """A part of a shared cost that is paid here: a fee, an idle node, an unused commitment, an item of the provider's bill."""

    kind: str
    what: str
    cluster: str
    product: str
    basis: str
    """How the whole is shared: proportional, even, fixed, pods, seconds."""
    rule: str
    weight: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountsBefore:
    """The month before, in one currency."""

    to_pay: Decimal | None
    """Of the whole month."""
    by_same_day: Decimal | None
    """Of as many days as have ended now; of a month that is over, all. None: there is nothing to compare."""
    days: Mapping[date, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthAmounts:
    """A month's bill in one currency."""

    currency: str
    to_pay: Decimal | None
    """As the provider rounds, shared costs included; None: no charge has a price."""
    exact: Decimal | None
    """The same before the provider's rounding."""
    shared: Decimal
    rounding: Decimal
    spent_on: Mapping[str, Decimal]
    """What the usage was spent on: useful, failed, …, pending."""
    waste: Decimal
    pods: int
    unpriced: int
    """Charges without a known price: they are in no sum."""
    accruing: int
    """Charges of pods that still run."""
    days: Mapping[date, Decimal]
    """To pay by day."""
    by_ended_days: Decimal | None
    """To pay for the days that have ended; of a month that is over, all. None: no day has ended."""
    before: AmountsBefore | None
    """None: the month before has nothing in this currency."""
    breakdowns: Mapping[str, tuple[BillRow, ...]]
    """By column, every row, the largest first."""
    wasted: tuple[WastePart, ...]
    """The largest first; none where nothing was lost."""
    shared_items: tuple[SharedItem, ...]
    unallocated: Decimal | None
    """What belongs to no department; None: not known to a department."""
    difference: AmountDifference | None = None
    """None: not asked for, or there is nothing to compare."""

    @property
    def change(self) -> Decimal | None:
        """How much more the ended days cost than as many of the month before, as a part of these; None: not known."""
        old, new = self.before and self.before.by_same_day, self.by_ended_days
        return (new - old) / old if old and new is not None and old > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOutlook:
    """What a month leads to, and what stands out: what `lynceus report forecast`, `budgets` and `anomalies` have."""

    forecasts: tuple[MonthForecast, ...]
    """One for each currency; none of a month that is over, or has not begun."""
    budgets: tuple[BudgetState, ...]
    """Those that are about the place, its own first."""
    anomalies: tuple[Anomaly, ...] = ()
    """What began to cost more than usual, the most excess first."""

    def forecast_of(self, currency: str) -> MonthForecast | None:
        """The forecast in a currency."""
        return next((one for one in self.forecasts if one.currency == currency), None)

    def own_budget(self, place: MonthPlace, currency: str) -> BudgetState | None:
        """The budget that is about all of the place and nothing else; of several the one that is used most."""
        own = [one for one in self.budgets if one.budget.currency == currency and is_own(one.budget, place)]
        return max(own, key=lambda one: one.share or ZERO, default=None)


def is_own(budget: Budget, place: MonthPlace) -> bool:
    """Whether a budget is about all of a place and nothing else."""
    return budget.where == (((DEPARTMENT, place.department),) if place.department else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """A month's bill, and what it stands on."""

    place: MonthPlace
    state: MonthState
    gaps: tuple[ClusterGaps, ...]
    """What the watches missed; none: the month is complete."""
    amounts: tuple[MonthAmounts, ...]
    """One for each currency, the largest first; none: nothing is known of the month."""
    months: tuple[date, ...] = field(default=())
    """The months that have a bill here, the newest first, this one included."""
    outlook: MonthOutlook | None = None
    """None: not read, or not in time."""
    unallocated: UnallocatedCost | None = None
    """What belongs to no department, and whose it probably is; None: not read, or not in time."""

    @property
    def is_known(self) -> bool:
        """Whether any month has a bill here."""
        return bool(self.amounts) or len(self.months) > len({self.place.month, self.place.today.replace(day=1)})

    @property
    def complete_until(self) -> datetime | None:
        """Until when the store's rows are in the statement, in the billing time zone; None: no statement is computed."""
        text = self.state.complete_until
        if not text:
            return None
        return datetime.strptime(f"{text}+0000", "%Y-%m-%d %H:%M UTC%z").astimezone(ZoneInfo(self.place.zone))
