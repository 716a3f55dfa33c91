"""
The section of a month's bill about what belongs to no department: how much, and to whom most of it probably belongs.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.minor_units import printed
from collector.language.language import Language, in_catalog
from collector.reports.likely_owner import LikelyOwner, likely_owners
from collector.reports.month_bill import MonthReport
from collector.web.reports import addresses
from collector.web.reports.unallocated_page import because

MOST = 5
"""Owners on the page; all stand on the page of what is unallocated."""


class ShownOwner(NamedTuple):
    """A department to which a part probably belongs."""

    department: str
    address: str
    to_pay: Decimal
    evidence: str
    """Of the dearest part."""
    more: int
    """Further parts that are probably its."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownOwners:
    """The section of one currency."""

    sentence: str
    is_read: bool
    owners: tuple[ShownOwner, ...]
    address: str
    csv: str
    api: str


def shown_owners(
    report: MonthReport, currency: str, unallocated: Decimal | None, language: Language
) -> ShownOwners | None:
    """The section; None: everything has a department, or the reader may not know. `unallocated` is as the page prints it."""
    if not unallocated:
        return None
    place, found = report.place, report.unallocated
    owners = likely_owners(found, currency) if found else []
    few = owners[:MOST]
    amounts = printed([one.to_pay for one in few], currency).parts
    return ShownOwners(
        sentence=_sentence(report, language.money(unallocated, currency), _share(owners, unallocated), language),
        is_read=found is not None,
        owners=tuple(
            ShownOwner(
                department=one.department,
                address=addresses.page(one.department, place.month),
                to_pay=amount,
                evidence=because(one.because, language),
                more=one.parts - 1,
            )
            for one, amount in zip(few, amounts, strict=True)
        ),
        address=addresses.page("unallocated", place.month),
        csv=addresses.unallocated(place, "csv"),
        api=addresses.unallocated(place),
    )


def _share(owners: list[LikelyOwner], unallocated: Decimal) -> Decimal:
    return CONTEXT.divide(total(one.to_pay for one in owners), unallocated)


def _sentence(report: MonthReport, amount: str, share: Decimal, language: Language) -> str:
    if report.unallocated is None:
        message = in_catalog("{amount} of {month} belong to no department.")
    elif share:
        message = in_catalog("{amount} of {month} belong to no department; an owner is likely for {share} of it.")
    else:
        message = in_catalog(
            "{amount} of {month} belong to no department, and nothing says clearly to which they should."
        )
    month = language.month(report.place.month)
    return language.text(message, amount=amount, month=month, share=language.percent(share))
