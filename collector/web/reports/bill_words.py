"""
Words of the bill's tables in the reader's language: what columns, kinds, classes and causes are called.

The command line and the API have the names in the code.
"""

from collections.abc import Mapping

from collector.core.cost.attribution import UNALLOCATED
from collector.language.language import Language, in_catalog

STATES: Mapping[str, str] = {
    "estimate": in_catalog("estimate: it may still change"),
    "reconciled": in_catalog("reconciled: checked against the provider's bill"),
    "locked": in_catalog("locked: it never changes again"),
    "not the bill": in_catalog("not the bill: another pricing run counts"),
}
"""By the state of the month's bill."""
COLUMNS: Mapping[str, str] = {
    "department": in_catalog("department"),
    "project": in_catalog("project"),
    "template": in_catalog("template"),
    "product": in_catalog("product"),
    "purchase": in_catalog("purchase"),
    "class": in_catalog("use of the money"),
}
CLASSES: Mapping[str, str] = {
    "useful": in_catalog("useful"),
    "failed": in_catalog("failed"),
    "cancelled": in_catalog("cancelled"),
    "retried": in_catalog("retried"),
    "reclaimed": in_catalog("reclaimed by the provider"),
    "unknown": in_catalog("end not seen"),
    "pending": in_catalog("before the work began"),
}
PURCHASES: Mapping[str, str] = {
    "on_demand": in_catalog("pay-as-you-go"),
    "spot": in_catalog("spot"),
    "best_effort": in_catalog("best effort"),
    "reserved": in_catalog("reserved"),
}
KINDS: Mapping[str, str] = {
    "fee": in_catalog("fee"),
    "idle": in_catalog("idle capacity"),
    "commitment": in_catalog("unused commitment"),
    "bill": in_catalog("item of the provider's bill"),
}
BASES: Mapping[str, str] = {
    "proportional": in_catalog("what each department spent"),
    "even": in_catalog("equal parts"),
    "fixed": in_catalog("agreed shares"),
    "pods": in_catalog("pods"),
    "seconds": in_catalog("billed seconds"),
}
PARTS_OF_DIFFERENCE: Mapping[str, str] = {
    "ownership": in_catalog("workflows that changed department"),
    "volume": in_catalog("more or fewer runs"),
    "work": in_catalog("longer or larger runs"),
    "mix": in_catalog("other products, regions or purchases"),
    "waste": in_catalog("failures, retries and waiting"),
    "price": in_catalog("prices"),
    "shared": in_catalog("shared costs"),
    "corrections": in_catalog("corrections and rounding"),
}


def named(words: Mapping[str, str], name: str, language: Language) -> str:
    """A name in words; one that is a person's own, as it is."""
    if name in ("", UNALLOCATED):
        return language.text("unallocated")
    return language.text(words[name]) if name in words else name
