"""
A month's bill as the API answers it. Amounts are exact, as text.
"""

from decimal import Decimal

from collector.core.cost.comparison import PARTS
from collector.language.language import ENGLISH
from collector.reports.budgets import BudgetState
from collector.reports.forecast import MonthForecast
from collector.reports.likely_owner import because, likely_owners
from collector.reports.month_bill import BillRow, MonthAmounts, MonthReport, SharedItem, WastePart
from collector.reports.month_difference import AmountDifference
from collector.web.api_model import ApiModel
from collector.web.reports.anomaly_sentence import anomaly_sentence


class BillState(ApiModel):
    """What a month's bill stands on."""

    state: str
    """estimate, reconciled (checked against the provider's bill) or locked (final)."""
    run: int
    """Pricing run whose charges count."""
    hash: str | None
    """Of a locked month, for a token of the scope all: it differs if anything in the bill differs."""
    complete_until: str | None
    """Rows that had arrived by then are in the shared costs; null: no statement is computed yet."""
    gaps: dict[str, int]
    """Clusters whose watch missed something of the month, and how often."""
    notes: list[str]
    """What is in no line of the statement, and why; for a token of the scope all."""


class BillRowRead(ApiModel):
    """A row of a breakdown."""

    name: str
    """Value of the column; `unallocated` where there is none."""
    to_pay: str | None
    """What is to pay, shared costs included; null: none of its charges has a price."""
    shared: str
    """Part of shared costs."""
    waste: str
    """Part that was lost: failed, retried, reclaimed, and paid time before work began."""
    pods: int
    """Pods, each counted once a billing day."""
    unpriced: int
    """Charges without a known price; they are in no sum."""


class WasteRead(ApiModel):
    """What was lost for one reason."""

    reason: str
    """failed, retried, reclaimed or pending (paid time before work began)."""
    amount: str
    """What was lost."""
    template: str
    """The template that lost most of it."""
    of_template: str
    """What that template lost of it."""


class SharedItemRead(ApiModel):
    """A shared cost that is paid here."""

    kind: str
    """fee, idle, commitment, or bill (an item of the provider's bill)."""
    what: str
    """The fee, the commitment, or the item."""
    cluster: str
    """Cluster whose usage bears it; empty: none used it."""
    product: str
    """Product whose usage bears it."""
    basis: str
    """How the whole is shared: proportional, even, fixed, pods, seconds."""
    weight: str
    """Weight of what is paid here in that sharing."""
    amount: str
    """What is paid here."""


class DifferenceRead(ApiModel):
    """Why a month costs more or less than the one before: parts that sum to the difference."""

    before: str
    """The month before; of a month that has not ended as many days of it as have ended."""
    after: str
    """This month; its days that have ended."""
    difference: str
    """One minus the other."""
    parts: dict[str, str]
    """volume, work, price, mix, waste, shared, ownership, corrections."""
    mostly: str | None
    """The part that is most of the difference; null: there is none."""


class ForecastRead(ApiModel):
    """What a month that runs will cost: in four of five cases it ends between `low` and `high`."""

    low: str | None
    """Null, as the next two: there is no forecast, and `why` says why."""
    likely: str | None
    """What it will cost."""
    high: str | None
    """The other end of the range."""
    why: str | None
    """few_days, nothing_spent or no_price; null: the forecast is known."""


class BudgetRead(ApiModel):
    """What is used of a budget."""

    name: str
    """Name of the budget."""
    where: dict[str, str]
    """Columns and values of the rows that it is about; empty: everything."""
    amount: str
    """What may be used in the month."""
    currency: str
    """Its currency."""
    used: str | None
    """To pay so far; null: not known."""
    share: str | None
    """Used in parts of the amount: 0.8 is 80 %."""
    likely: str | None
    """What the month will cost; null: not known."""
    state: str
    """ok, near, forecast, passed or unknown."""
    passes_on: str | None
    """Day on which it will be used up; null: not in this month, or it is already, or it is not known."""


class OwnerRead(ApiModel):
    """A department to which a part of what is unallocated probably belongs."""

    department: str
    """The department."""
    to_pay: str
    """What of the unallocated cost is probably its."""
    because: str
    """What speaks for it, a sentence; `/api/v1/reports/unallocated` has every row with its own."""


class BillAmounts(ApiModel):
    """A month's bill in one currency."""

    currency: str
    """Currency of all amounts."""
    to_pay: str | None
    """As the provider rounds, shared costs included; null: no charge has a price."""
    exact: str | None
    """The same before the provider's rounding."""
    shared: str
    """Shared costs."""
    rounding: str
    """What the provider's rounding adds."""
    waste: str
    """What was lost."""
    unallocated: str | None
    """What belongs to no department; null: this is the bill of one, or the token is for some departments."""
    likely_owners: list[OwnerRead]
    """Whose it probably is, the one with most first; empty also where it was not read in time."""
    pods: int
    """Pods, each counted once a billing day."""
    unpriced: int
    """Charges without a known price; they are in no sum."""
    accruing: int
    """Charges of pods that still run."""
    days: dict[str, str]
    """To pay by day."""
    by_ended_days: str | None
    """To pay for the days that have ended; null: none has."""
    before: str | None
    """To pay for the whole month before; null: it has nothing in this currency."""
    before_by_same_day: str | None
    """To pay for as many days of the month before as have ended."""
    breakdowns: dict[str, list[BillRowRead]]
    """Rows by column: department (of all departments), project, template, product, purchase, class."""
    wasted: list[WasteRead]
    """What was lost, by reason."""
    shared_items: list[SharedItemRead]
    """What the shared costs are, at most 500."""
    difference: DifferenceRead | None
    """Why it is more or less; null: there is nothing to compare, or it was not read in time."""
    forecast: ForecastRead | None
    """What it will cost; null: the month is over, or it was not read in time."""


class BillRead(ApiModel):
    """A month's bill, of a department or of all that you see."""

    month: str
    """The month, like 2026-10."""
    department: str
    """The department; empty: all that you see."""
    ended: bool
    """Whether the month is over."""
    stands_on: BillState
    """Whether it may change, and what it is computed from."""
    amounts: list[BillAmounts]
    """One for each currency, the largest first."""
    months: list[str]
    """Months that have a bill, the newest first."""
    budgets: list[BudgetRead]
    """Budgets that are about it and that you may see."""
    anomalies: list[str]
    """What costs more than usual, a sentence each; `/api/v1/reports/anomalies` has the figures."""
    is_whole: bool
    """False: why it costs more, forecast, budgets or likely owners were not read in time; ask again."""


def month_bill(report: MonthReport, *, is_whole: bool) -> BillRead:
    """The bill for programs."""
    place, state = report.place, report.state
    until = report.complete_until
    return BillRead(
        month=f"{place.month:%Y-%m}",
        department=place.department,
        ended=place.is_over,
        stands_on=BillState(
            state=state.state,
            run=state.run,
            hash=state.hash or None,
            complete_until=until.isoformat() if until else None,
            gaps={one.cluster: one.gaps for one in report.gaps if one.gaps},
            notes=list(state.notes),
        ),
        amounts=[_amounts(one, report) for one in report.amounts],
        months=[f"{month:%Y-%m}" for month in report.months],
        budgets=[_budget(one) for one in (report.outlook.budgets if report.outlook else ())],
        anomalies=[anomaly_sentence(one, ENGLISH) for one in (report.outlook.anomalies if report.outlook else ())],
        is_whole=is_whole,
    )


def _text(amount: Decimal) -> str:
    return f"{amount:f}"


def _or_none(amount: Decimal | None) -> str | None:
    return None if amount is None else _text(amount)


def _amounts(one: MonthAmounts, report: MonthReport) -> BillAmounts:
    forecast = report.outlook.forecast_of(one.currency) if report.outlook else None
    owners = likely_owners(report.unallocated, one.currency) if report.unallocated else []
    before = one.before
    return BillAmounts(
        currency=one.currency,
        to_pay=_or_none(one.to_pay),
        exact=_or_none(one.exact),
        shared=_text(one.shared),
        rounding=_text(one.rounding),
        waste=_text(one.waste),
        unallocated=_or_none(one.unallocated),
        likely_owners=[
            OwnerRead(department=owner.department, to_pay=_text(owner.to_pay), because=because(owner.because))
            for owner in owners
        ],
        pods=one.pods,
        unpriced=one.unpriced,
        accruing=one.accruing,
        days={day.isoformat(): _text(amount) for day, amount in one.days.items()},
        by_ended_days=_or_none(one.by_ended_days),
        before=_or_none(before.to_pay) if before else None,
        before_by_same_day=_or_none(before.by_same_day) if before else None,
        breakdowns={name: [_row(row) for row in rows] for name, rows in one.breakdowns.items()},
        wasted=[_waste(part) for part in one.wasted],
        shared_items=[_item(item) for item in one.shared_items],
        difference=_difference(one.difference) if one.difference else None,
        forecast=_forecast(forecast) if forecast else None,
    )


def _waste(part: WastePart) -> WasteRead:
    return WasteRead(
        reason=part.money_class,
        amount=_text(part.amount),
        template=part.template,
        of_template=_text(part.of_template),
    )


def _item(item: SharedItem) -> SharedItemRead:
    return SharedItemRead(
        kind=item.kind,
        what=item.what,
        cluster=item.cluster,
        product=item.product,
        basis=item.basis,
        weight=_text(item.weight),
        amount=_text(item.amount),
    )


def _row(row: BillRow) -> BillRowRead:
    return BillRowRead(
        name=row.name,
        to_pay=_or_none(row.to_pay),
        shared=_text(row.shared),
        waste=_text(row.waste),
        pods=row.pods,
        unpriced=row.unpriced,
    )


def _difference(one: AmountDifference) -> DifferenceRead:
    return DifferenceRead(
        before=_text(one.before),
        after=_text(one.after),
        difference=_text(one.difference),
        parts={name: _text(one.parts[name]) for name in PARTS},
        mostly=one.most,
    )


def _forecast(one: MonthForecast) -> ForecastRead:
    return ForecastRead(
        low=_or_none(one.low), likely=_or_none(one.likely), high=_or_none(one.high), why=one.why or None
    )


def _budget(one: BudgetState) -> BudgetRead:
    return BudgetRead(
        name=one.budget.name,
        where=dict(one.budget.where),
        amount=_text(one.budget.amount),
        currency=one.budget.currency,
        used=_or_none(one.used),
        share=_or_none(one.share),
        likely=_or_none(one.likely),
        state=one.state,
        passes_on=one.passes_on.isoformat() if one.passes_on else None,
    )
