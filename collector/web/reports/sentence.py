"""
The first sentence of a month's bill: what is owed, whether that is final and complete, and how it compares.

It is made of whole clauses, each a message of its own, since languages order the words within a clause in their own way.
What is not known is absent or named as unknown, never guessed.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.comparison import PartName
from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import minor_unit
from collector.language.language import Language, in_catalog
from collector.reports.month_bill import MonthAmounts, MonthReport
from collector.reports.month_state import MonthState
from collector.web.reports.outlook import budget_fact

STATES = {
    "estimate": in_catalog("an estimate"),
    "reconciled": in_catalog("checked against the provider's bill"),
    "locked": in_catalog("final"),
    "not the bill": in_catalog("not the bill"),
}
"""By the state of the month's bill: the words of a sentence."""
BECAUSE: dict[PartName, str] = {
    "volume": in_catalog("mostly volume"),
    "work": in_catalog("mostly longer or larger runs"),
    "price": in_catalog("mostly prices"),
    "mix": in_catalog("mostly where it was bought"),
    "waste": in_catalog("mostly waste"),
    "shared": in_catalog("mostly shared costs"),
    "ownership": in_catalog("mostly workflows of other departments before"),
    "corrections": in_catalog("mostly corrections"),
}
LESS: dict[PartName, str] = {
    **BECAUSE,
    "work": in_catalog("mostly shorter or smaller runs"),
    "ownership": in_catalog("mostly workflows that other departments have now"),
}
"""The same where less is to pay."""
EQUAL = Decimal("0.005")
"""A change below half a percent is none."""


class _Subject(NamedTuple):
    report: MonthReport
    amounts: MonthAmounts
    language: Language

    def text(self, message: str, **values: str) -> str:
        return self.language.text(message, **values)


def sentence(report: MonthReport, language: Language) -> str:
    """What is owed in each currency, one sentence each; what holds for all of them stands in the first."""
    if not report.amounts:
        return language.text(
            "No cost of {department} is known for {month}.",
            department=department_name(report.place.department, language),
            month=language.month(report.place.month),
        )
    found = list[str]()
    for number, amounts in enumerate(report.amounts):
        subject = _Subject(report, amounts, language)
        facts = [*(_of_the_month(subject) if number == 0 else ()), *_of_the_amount(subject)]
        found.append(_with_facts(subject, _head(subject), facts))
    return " ".join(found) if language.locale.language != "zh" else "".join(found)


def department_name(department: str, language: Language) -> str:
    """Who owes, as a sentence names it."""
    if not department:
        return language.text("all departments")
    return language.text("no department") if department == UNALLOCATED else department


def rounded(amount: Decimal, currency: str) -> Decimal:
    """An amount in the currency's minor unit."""
    return CONTEXT.quantize(amount, minor_unit(currency))


def _head(subject: _Subject) -> str:
    report, one = subject.report, subject.amounts
    month = subject.language.month(report.place.month)
    who = report.place.department
    if one.to_pay is None:
        return subject.text(
            "What is to pay in {currency} for {month} is not known: no charge has a price",
            currency=one.currency,
            month=month,
        )
    amount = subject.language.money(rounded(one.to_pay, one.currency), one.currency)
    so_far = not report.place.is_over
    if not who:
        message = _either(
            so_far, in_catalog("{amount} is to pay for {month} so far"), in_catalog("{amount} is to pay for {month}")
        )
    elif who == UNALLOCATED:
        message = _either(
            so_far,
            in_catalog("{amount} of {month} so far belongs to no department"),
            in_catalog("{amount} of {month} belongs to no department"),
        )
    else:
        message = _either(
            so_far,
            in_catalog("{department} owes {amount} for {month} so far"),
            in_catalog("{department} owes {amount} for {month}"),
        )
    return subject.text(message, department=who, amount=amount, month=month)


def _either(condition: bool, message: str, other: str) -> str:
    return message if condition else other


def _with_facts(subject: _Subject, head: str, facts: list[str]) -> str:
    """One sentence of the head and what is known beside it."""
    if not facts:
        return subject.text("{head}.", head=head)
    listed = facts[0]
    for fact in facts[1:]:
        listed = subject.text("{facts}, {fact}", facts=listed, fact=fact)
    return subject.text("{head}: {facts}.", head=head, facts=listed)


def _of_the_month(subject: _Subject) -> Iterator[str]:
    """Whether the bill may change, and until when it is complete."""
    report = subject.report
    yield subject.text(STATES[report.state.state])
    yield completeness(report, subject.language)


def completeness(report: MonthReport, language: Language) -> str:
    """Until when the bill is complete, or what is missing."""
    gaps = [one.cluster for one in report.gaps if one.gaps]
    if gaps:
        return language.text(
            "not complete: {clusters} was not watched all the time", clusters=language.text(", ").join(gaps)
        )
    until, place = report.complete_until, report.place
    if until is None:
        return language.text("shared costs are not computed yet")
    if place.is_over and until.date() >= place.span.end:
        return language.text("complete")
    moment = language.time(until) if until.date() == place.today else language.instant(until)
    return language.text("complete until {time}", time=moment)


def _of_the_amount(subject: _Subject) -> Iterator[str]:
    """What is used of the budget, how it compares, and what is in no sum."""
    if budget := budget_fact(subject.report, subject.amounts.currency, subject.language):
        yield budget
    if change := changed(subject.report, subject.amounts, subject.language):
        yield change
        if because := mostly(subject.amounts, subject.language):
            yield because
    if subject.amounts.unpriced:
        yield subject.language.plural(
            "{number} charge without a known price is not in it",
            "{number} charges without a known price are not in it",
            subject.amounts.unpriced,
        )


def changed(report: MonthReport, amounts: MonthAmounts, language: Language) -> str:
    """How much more or less it is than before; empty: there is nothing to compare."""
    change, over = amounts.change, report.place.is_over
    if change is None:
        return ""
    if abs(change) < EQUAL:
        message = _either(over, in_catalog("as much as {month}"), in_catalog("as much as on the same days of {month}"))
    elif change > 0:
        message = _either(
            over, in_catalog("{share} more than {month}"), in_catalog("{share} more than on the same days of {month}")
        )
    else:
        message = _either(
            over, in_catalog("{share} less than {month}"), in_catalog("{share} less than on the same days of {month}")
        )
    before = language.month_name(report.place.before.begin)
    return language.text(message, share=language.percent(abs(change)), month=before)


def change_of(amounts: MonthAmounts, language: Language) -> str:
    """The change alone, for a figure whose title names the month: +8 %; empty: there is nothing to compare."""
    if amounts.change is None:
        return ""
    if abs(amounts.change) < EQUAL:
        return language.text("no change")
    sign = "+" if amounts.change > 0 else "−"
    return f"{sign}{language.percent(abs(amounts.change))}"


def mostly(amounts: MonthAmounts, language: Language) -> str:
    """What is most of the difference; empty: it is not known, or hardly anything changed."""
    change, difference = amounts.change, amounts.difference
    if difference is None or difference.most is None or change is None or abs(change) < EQUAL:
        return ""
    words = BECAUSE if change > 0 else LESS
    return language.text(words[difference.most])


def state_of(state: MonthState, language: Language) -> str:
    """The state of a bill in words."""
    return language.text(STATES[state.state])
