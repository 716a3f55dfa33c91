"""
The largest movers of a comparison in English, a sentence each: which template, by how much, and what is behind it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import singledispatch

from collector.core.cost.comparison import DifferenceSplit, PartName
from collector.reports.comparison_movers import (
    ExplainedMover,
    GainedWorkflows,
    MarketShareChanged,
    Mover,
    Pair,
    RateChanged,
    RunLengthChanged,
    RunsChanged,
    SharedItemChanged,
    WasteChanged,
    explained,
    gained,
)
from collector.reports.sentences import money

WORDS: Mapping[PartName, str] = {
    "volume": "number of runs",
    "work": "time x size of a run",
    "price": "unit prices",
    "mix": "where it was bought",
    "waste": "lost beside work",
    "shared": "fees, idle nodes",
    "ownership": "who pays",
    "corrections": "locked months",
}
WITHOUT_CAUSE: Mapping[PartName, str] = {
    "price": "its markets have other prices",
    "shared": "see `report cost`",
    "ownership": "its workflows belong to other departments now, and filters hide some of them",
    "corrections": "corrections of locked months, and what the provider's bill rounds",
}
"""The words where no cause was found."""


def sentences(pair: Pair, splits: Sequence[DifferenceSplit]) -> list[str]:
    """Returns a sentence for each of the largest movers, and for each department that has the workflows of another."""
    found = [_sentence(one, pair.currency) for one in explained(pair, splits)]
    return [*found, *(_gained(one, pair.currency) for one in gained(splits))]


def _sentence(one: ExplainedMover, currency: str) -> str:
    subject = _subject(one.mover, currency)
    return f"{subject}: {WITHOUT_CAUSE[one.mover.part] if one.cause is None else _words(one.cause, currency)}"


def _subject(mover: Mover, currency: str) -> str:
    """Returns whose money it is, and how much."""
    more = "more" if mover.amount > 0 else "less"
    if mover.part == "shared":
        return f"shared costs {_money(mover.amount, currency)} {more}"
    return f"{mover.template} {_money(mover.amount, currency)} {more} by {mover.part}"


def _money(value: Decimal, currency: str) -> str:
    return money(abs(value), currency)


def _gained(one: GainedWorkflows, currency: str) -> str:
    text = f"{one.department} has workflows that cost {_money(one.amount, currency)} before"
    return f"{text}, when {', '.join(one.gave)} paid for them" if one.gave else text


@singledispatch
def _words(cause: object, currency: str) -> str:
    raise TypeError(f"no words for {cause!r} in {currency}")


@_words.register
def _(cause: RunsChanged, currency: str) -> str:
    del currency
    return f"{cause.after:,} good runs, {cause.before:,} before"


@_words.register
def _(cause: RunLengthChanged, currency: str) -> str:
    del currency
    text = f"{_length(cause.after_s)} a run, {_length(cause.before_s)} before"
    if cause.version and cause.since:
        text += f"; version {cause.version}, since {cause.since:%Y-%m-%d}, takes {_length(cause.version_s)}"
    return text


def _length(seconds: float | None) -> str:
    return "no time" if seconds is None else duration(seconds)


def duration(seconds: float) -> str:
    """Returns a length for people: 41 s, 12.5 min, 3.2 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


@_words.register
def _(cause: RateChanged, currency: str) -> str:
    del currency
    return f"a second on {cause.market} costs {cause.share * 100:+.1f} %"


@_words.register
def _(cause: MarketShareChanged, currency: str) -> str:
    del currency
    return f"{cause.market} has {cause.after:.0f} % of its seconds, {cause.before:.0f} % before"


@_words.register
def _(cause: WasteChanged, currency: str) -> str:
    pods = "pods that had not begun" if cause.money_class == "pending" else f"{cause.money_class} pods"
    text = f"{pods} cost {_money(cause.after, currency)}, {_money(cause.before, currency)} before"
    return f"{text}; most in {cause.workflow}, {_money(cause.of_workflow, currency)}" if cause.workflow else text


@_words.register
def _(cause: SharedItemChanged, currency: str) -> str:
    return f"{cause.kind} {cause.what} is {_money(cause.after, currency)}, {_money(cause.before, currency)} before"
