"""
Words of bills in the language of their reader: what columns, classes of money, purchases and parts of a difference are called.

What is not in these tables is a name of the cluster or of the provider, and is shown as it is.
"""

from collections.abc import Mapping

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.comparison import PartName
from collector.language.language import Language, in_catalog
from collector.reports.month_bill import SharedItem

STATES: Mapping[str, str] = {
    "estimate": in_catalog("estimate: it may still change"),
    "reconciled": in_catalog("reconciled: checked against the provider's bill"),
    "locked": in_catalog("locked: it never changes again"),
    "not the bill": in_catalog("not the bill: another pricing run counts"),
}
"""By the state of the month's bill."""
COLUMNS: Mapping[str, str] = {
    "department": in_catalog("Department"),
    "project": in_catalog("Project"),
    "template": in_catalog("Template"),
    "product": in_catalog("Product"),
    "purchase": in_catalog("Billing method"),
    "class": in_catalog("Spent on"),
}
BY: Mapping[str, str] = {
    "department": in_catalog("By department"),
    "project": in_catalog("By project"),
    "template": in_catalog("By template"),
    "product": in_catalog("By product"),
    "purchase": in_catalog("By billing method"),
    "class": in_catalog("What it was spent on"),
}
CLASSES: Mapping[str, str] = {
    "useful": in_catalog("work of use"),
    "failed": in_catalog("failed pods"),
    "cancelled": in_catalog("cancelled pods"),
    "retried": in_catalog("tries that were repeated"),
    "reclaimed": in_catalog("pods that the provider took back"),
    "unknown": in_catalog("pods whose end was not seen"),
    "pending": in_catalog("paid time before work began"),
}
PURCHASES: Mapping[str, str] = {
    "on_demand": in_catalog("pay as you go"),
    "spot": in_catalog("spot"),
    "best_effort": in_catalog("best effort"),
    "reserved": in_catalog("reserved"),
}
KINDS: Mapping[str, str] = {
    "fee": in_catalog("fee"),
    "idle": in_catalog("idle plain nodes"),
    "commitment": in_catalog("unused commitment"),
    "bill": in_catalog("item of the provider's bill"),
}
BASES: Mapping[str, str] = {
    "proportional": in_catalog("by what each spent"),
    "even": in_catalog("one equal part each"),
    "fixed": in_catalog("by agreed parts"),
    "pods": in_catalog("by number of pods"),
    "seconds": in_catalog("by billed seconds"),
}
PARTS: Mapping[PartName, tuple[str, str]] = {
    "volume": (in_catalog("Volume"), in_catalog("how many runs there were")),
    "work": (in_catalog("Work per run"), in_catalog("time and size of a run")),
    "price": (in_catalog("Prices"), in_catalog("what the same size costs in the same place")),
    "mix": (in_catalog("Where it was bought"), in_catalog("product, billing method, region")),
    "waste": (in_catalog("Waste"), in_catalog("what was lost beside good work")),
    "shared": (in_catalog("Shared costs"), in_catalog("fees, idle nodes, unused commitments")),
    "ownership": (in_catalog("Who pays"), in_catalog("workflows that changed their department")),
    "corrections": (in_catalog("Corrections"), in_catalog("of locked months, and the provider's rounding")),
}
"""By part of a difference: its name, and what it is."""
OF_COLUMN: Mapping[str, Mapping[str, str]] = {"class": CLASSES, "purchase": PURCHASES}


def named(column: str, value: str, language: Language) -> str:
    """What stands in a column, for people; without a value, what belongs to none."""
    if value in ("", UNALLOCATED):
        return language.text(in_catalog("unallocated"))
    word = OF_COLUMN.get(column, {}).get(value)
    return language.text(word) if word else value


def word(table: Mapping[str, str], key: str, language: Language) -> str:
    """A word of a table; what is not in it, as it is."""
    return language.text(table[key]) if key in table else key


def item_name(item: SharedItem, language: Language) -> str:
    """What is shared."""
    kind = word(KINDS, item.kind, language)
    return kind if item.kind == "idle" else language.text("{what} ({kind})", what=item.what, kind=kind)
