"""
Why a month costs more or less than before, in the language of its reader: the parts, and a sentence for each of the movers.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import singledispatch
from typing import NamedTuple

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.comparison import PARTS, PartName
from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import minor_unit, printed
from collector.core.units import ZERO
from collector.language.language import Language, in_catalog
from collector.reports.comparison_movers import (
    ExplainedMover,
    GainedWorkflows,
    MarketShareChanged,
    Mover,
    RateChanged,
    RunLengthChanged,
    RunsChanged,
    SharedItemChanged,
    WasteChanged,
)
from collector.reports.month_difference import AmountDifference
from collector.web.reports.words import CLASSES, KINDS, word
from collector.web.reports.words import PARTS as PART_WORDS

MORE: dict[PartName, str] = {
    "volume": in_catalog("{template}: {amount} more by number of runs"),
    "work": in_catalog("{template}: {amount} more by longer or larger runs"),
    "price": in_catalog("{template}: {amount} more by prices"),
    "mix": in_catalog("{template}: {amount} more by where it was bought"),
    "waste": in_catalog("{template}: {amount} more by waste"),
    "ownership": in_catalog("{template}: {amount} more by workflows of other departments before"),
    "corrections": in_catalog("{template}: {amount} more by corrections"),
}
LESS: dict[PartName, str] = {
    "volume": in_catalog("{template}: {amount} less by number of runs"),
    "work": in_catalog("{template}: {amount} less by shorter or smaller runs"),
    "price": in_catalog("{template}: {amount} less by prices"),
    "mix": in_catalog("{template}: {amount} less by where it was bought"),
    "waste": in_catalog("{template}: {amount} less by waste"),
    "ownership": in_catalog("{template}: {amount} less by workflows that other departments have now"),
    "corrections": in_catalog("{template}: {amount} less by corrections"),
}


class PartRow(NamedTuple):
    """A row of the table of parts."""

    name: str
    meaning: str
    amount: Decimal
    """In minor units; the rows sum to the difference."""


def parts(difference: AmountDifference, language: Language) -> list[PartRow]:
    """The parts that are not 0 as printed, the largest first."""
    rounded = printed([difference.parts[name] for name in PARTS], difference.currency).parts
    rows = [
        PartRow(language.text(PART_WORDS[name][0]), language.text(PART_WORDS[name][1]), amount)
        for name, amount in zip(PARTS, rounded, strict=True)
        if amount
    ]
    return sorted(rows, key=lambda row: -abs(row.amount))


def movers(difference: AmountDifference, language: Language) -> list[str]:
    """A sentence for each of the largest movers that can be seen, and for each department that gained workflows."""
    least = minor_unit(difference.currency)
    seen = (one for one in difference.movers if abs(one.mover.amount) >= least)
    return [
        *(_sentence(one, difference.currency, language) for one in seen),
        *(_gained(one, difference.currency, language) for one in difference.gained if one.amount >= least),
    ]


def _money(amount: Decimal, currency: str, language: Language) -> str:
    return language.money(CONTEXT.quantize(abs(amount), minor_unit(currency)), currency)


def _sentence(one: ExplainedMover, currency: str, language: Language) -> str:
    subject = _subject(one.mover, currency, language)
    if one.cause is None:
        return language.text("{subject}.", subject=subject)
    cause = language.text("; ").join(_words(one.cause, currency, language))
    return language.text("{subject}: {cause}.", subject=subject, cause=cause)


def _subject(mover: Mover, currency: str, language: Language) -> str:
    amount = _money(mover.amount, currency, language)
    if mover.part == "shared":
        more = mover.amount > ZERO
        text = in_catalog("Shared costs: {amount} more") if more else in_catalog("Shared costs: {amount} less")
        return language.text(text, amount=amount)
    template = mover.template if mover.template != UNALLOCATED else language.text("workflows without a template")
    return language.text((MORE if mover.amount > ZERO else LESS)[mover.part], template=template, amount=amount)


def _gained(one: GainedWorkflows, currency: str, language: Language) -> str:
    amount = _money(one.amount, currency, language)
    if not one.gave:
        return language.text(
            "{department} has workflows that cost {amount} before.", department=one.department, amount=amount
        )
    return language.text(
        "{department} has workflows that cost {amount} before, when {others} paid for them.",
        department=one.department,
        amount=amount,
        others=", ".join(one.gave),
    )


@singledispatch
def _words(cause: object, currency: str, language: Language) -> Iterator[str]:
    raise TypeError(f"no words for {cause!r} in {currency}, {language.tag}")


@_words.register
def _(cause: RunsChanged, currency: str, language: Language) -> Iterator[str]:
    del currency
    yield language.text(
        "{after} good runs, {before} before", after=language.number(cause.after), before=language.number(cause.before)
    )


@_words.register
def _(cause: RunLengthChanged, currency: str, language: Language) -> Iterator[str]:
    del currency
    yield language.text(
        "{after} a run, {before} before", after=length(cause.after_s, language), before=length(cause.before_s, language)
    )
    if cause.version and cause.since:
        yield language.text(
            "version {version}, since {day}, takes {length}",
            version=cause.version,
            day=language.day(cause.since),
            length=length(cause.version_s, language),
        )


def length(seconds: float | None, language: Language) -> str:
    """A time for people: 41 s, 12.5 min, 3.2 h."""
    if seconds is None:
        return language.text("no time")
    if seconds < 100:
        return _time(in_catalog("{number} s"), seconds, 0, language)
    if seconds < 6000:
        return _time(in_catalog("{number} min"), seconds / 60, 1, language)
    return _time(in_catalog("{number} h"), seconds / 3600, 1, language)


def _time(message: str, number: float, places: int, language: Language) -> str:
    text = f"{number:.{places}f}"
    return language.text(message, number=text)


@_words.register
def _(cause: RateChanged, currency: str, language: Language) -> Iterator[str]:
    del currency
    more = in_catalog("a second on {market} costs {share} more")
    less = in_catalog("a second on {market} costs {share} less")
    share = language.percent(abs(cause.share), 1)
    yield language.text(more if cause.share > 0 else less, market=cause.market, share=share)


@_words.register
def _(cause: MarketShareChanged, currency: str, language: Language) -> Iterator[str]:
    del currency
    yield language.text(
        "{market} has {after} of its seconds, {before} before",
        market=cause.market,
        after=language.percent(cause.after / 100),
        before=language.percent(cause.before / 100),
    )


@_words.register
def _(cause: WasteChanged, currency: str, language: Language) -> Iterator[str]:
    yield language.text(
        "{what} cost {after}, {before} before",
        what=word(CLASSES, cause.money_class, language),
        after=_money(cause.after, currency, language),
        before=_money(cause.before, currency, language),
    )
    if cause.workflow:
        yield language.text(
            "most in {workflow}, {amount}",
            workflow=cause.workflow,
            amount=_money(cause.of_workflow, currency, language),
        )


@_words.register
def _(cause: SharedItemChanged, currency: str, language: Language) -> Iterator[str]:
    yield language.text(
        "{kind} {what} is {after}, {before} before",
        kind=word(KINDS, cause.kind, language),
        what=cause.what,
        after=_money(cause.after, currency, language),
        before=_money(cause.before, currency, language),
    )
