"""
The page of what belongs to no department: where it was spent, whose it probably is, and the rules that would allocate it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from collector.core.cost.minor_units import printed
from collector.core.units import ZERO
from collector.language.language import Language, in_catalog
from collector.reports.likely_owner import Evidence, Trait, UnallocatedCost, UnallocatedRow, as_settings
from collector.reports.month_bill import MonthPlace
from collector.web.reports import addresses
from collector.web.reports.words import named

OF_TRAIT: dict[Trait, str] = {
    "namespace": in_catalog("{count} of {all} allocated workflows of namespace {value} belong to {department}"),
    "template": in_catalog("{count} of {all} allocated workflows of template {value} belong to {department}"),
    "creator": in_catalog("{count} of {all} allocated workflows of {value} belong to {department}"),
}


GROUPED_BY = ("cluster", "namespace", "creator", "template")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownUnallocated:
    """A row of the page."""

    row: UnallocatedRow
    names: Sequence[str]
    """Cluster, namespace, creator, template."""
    to_pay: Decimal | None
    evidence: Sequence[tuple[str, bool]]
    """Sentences, and whether each is clear enough."""


def view(found: UnallocatedCost, place: MonthPlace, language: Language) -> dict[str, Any]:
    """The values that the template needs."""
    currencies = [one.currency for one in found.totals]
    guessed = [row for row in found.rows if row.guess]
    return {
        "api": addresses.unallocated(place),
        "csv": addresses.unallocated(place, "csv"),
        "sentence": _sentence(found, place, language),
        "currencies": [_of_currency(found, currency, language) for currency in currencies],
        "settings": as_settings(found.rules),
        "guessed": len(guessed),
    }


def _sentence(found: UnallocatedCost, place: MonthPlace, language: Language) -> str:
    month = language.month(place.month)
    if not found.totals:
        return language.text("Everything of {month} belongs to a department.", month=month)
    amounts = ", ".join(
        language.money(printed([one.to_pay], one.currency).total, one.currency)
        for one in found.totals
        if one.to_pay is not None
    )
    likely = sum(1 for row in found.rows if row.guess)
    if not likely:
        return language.text(
            "{amount} of {month} belong to no department, and nothing says clearly to which they should.",
            amount=amounts,
            month=month,
        )
    return language.plural(
        "{amount} of {month} belong to no department; for {number} row an owner is likely.",
        "{amount} of {month} belong to no department; for {number} rows an owner is likely.",
        likely,
        amount=amounts,
        month=month,
    )


def _of_currency(found: UnallocatedCost, currency: str, language: Language) -> dict[str, Any]:
    rows = [row for row in found.rows if row.currency == currency]
    others = [row for row in found.others if row.currency == currency]
    amounts = iter(printed([row.to_pay or ZERO for row in (*rows, *others)], currency).parts)
    [whole] = [one for one in found.totals if one.currency == currency]
    shown = [
        ShownUnallocated(
            row=row,
            names=[named(column, getattr(row, column), language) for column in GROUPED_BY],
            to_pay=amount if row.to_pay is not None else None,
            evidence=[(because(one, language), one.is_clear) for one in row.evidence],
        )
        for row, amount in zip(rows, amounts, strict=False)
    ]
    return {
        "currency": currency,
        "rows": shown,
        "others": next(iter(amounts), None) if others else None,
        "total": printed([whole.to_pay or ZERO], currency).total,
    }


def because(evidence: Evidence, language: Language) -> str:
    """Evidence as a sentence."""
    return language.text(
        OF_TRAIT[evidence.trait],
        count=language.number(evidence.workflows),
        all=language.number(evidence.of),
        value=evidence.value,
        department=evidence.department,
    )
