"""
Makes a price book of official price lists: one row for the meters of a region that share their dates, and its YAML.

The book extends the shipped one, so its rules stay those of the shipped book. What a region lacks is not guessed: a region
with a vCPU and no memory, or the other way round, has no row.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import yaml

from collector.prices import checks
from collector.prices.book_yaml import BookError, parse
from collector.prices.official.listed import ListFee, ListPrice, PriceList, regions_of
from collector.prices.schema import parse_instant

HEADER = "# Written by `lynceus prices import`. Import again to update it; your own prices belong into another file.\n"
SOURCE = "list"
_USUAL = {"class": "general-purpose", "purchase": "on_demand", "type": "", "to": "", "confidence": "high"}
"""What a row need not repeat."""


class Wanted(NamedTuple):
    """What of the lists becomes a book, and what the lists do not say themselves."""

    book_id: str
    read: str
    """Day on which the lists were downloaded."""
    begin: str = ""
    """First day of the prices; empty: as the lists say, or the day on which they were read."""
    regions: frozenset[str] = frozenset()
    """Empty: all."""
    series: str = ""
    """Name of the file with spot prices; empty: none."""


class Imported(NamedTuple):
    """A book as YAML, and what a person should know of it."""

    text: str
    rows: list[dict[str, str]]
    fees: int
    currency: str
    regions: list[str]
    notes: list[str]


def import_lists(lists: Sequence[PriceList], wanted: Wanted) -> Imported:
    """Make a book of lists of one product; BookError if nothing of them is wanted."""
    path = lists[0].path
    skipped = sum((listed.skipped for listed in lists), Counter[str]())
    known = regions_of(lists)
    if known and (lacking := sorted(wanted.regions - set(known))):
        raise BookError(path, "region", f"no price of {', '.join(lacking)}; the list has {', '.join(known)}")
    prices = _whole([p for listed in lists for p in listed.prices if _chosen(p.region, wanted)], skipped)
    if not prices:
        raise BookError(path, "file", f"no price of {lists[0].product} in it; {_reasons(skipped)}")
    fees = _one_fee([f for listed in lists for f in listed.fees if _chosen(f.region, wanted)], wanted, skipped)
    rows = _rows(_periods(prices, wanted, path), wanted)
    currency = next(listed.currency for listed in lists if listed.currency)
    book = {
        "id": wanted.book_id,
        "version": wanted.read,
        "extends": lists[0].product,
        "currency": currency,
        "sources": {SOURCE: "; ".join(dict.fromkeys(listed.title for listed in lists))},
        "prices": rows,
        "fees": fees,
        "market": {"series": [wanted.series]} if wanted.series else None,
    }
    filled = {key: value for key, value in book.items() if value}
    text = HEADER + yaml.safe_dump(filled, sort_keys=False, default_flow_style=None, width=1000, allow_unicode=True)
    checks.check(parse(text.encode(), path), path)
    regions = sorted({price.region for price in prices})
    notes = _notes(lists, skipped)
    return Imported(text=text, rows=rows, fees=len(fees), currency=currency, regions=regions, notes=notes)


def _chosen(region: str, wanted: Wanted) -> bool:
    return not wanted.regions or region in wanted.regions


def _whole(prices: Sequence[ListPrice], skipped: Counter[str]) -> list[ListPrice]:
    """The prices without those of a vCPU that lack the price of memory, and the other way round."""
    meters: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for price in prices:
        meters[_place(price)].add(price.meter)
    halves = {place for place, known in meters.items() if ("vcpu" in known) != ("memory" in known)}
    for region, price_class, purchase, _ in sorted(halves):
        skipped[f"of {region} {price_class} {purchase}, with one of vCPU and memory only"] += 1
    return [price for price in prices if _place(price) not in halves]


def _place(price: ListPrice) -> tuple[str, str, str, str]:
    return price.region, price.price_class, price.purchase, price.type


def _periods(prices: Iterable[ListPrice], wanted: Wanted, path: str) -> list[ListPrice]:
    """The prices of each meter one after another, each until the next begins."""
    by_key: dict[tuple[str, ...], dict[str, ListPrice]] = defaultdict(dict)
    for price in prices:
        begin = price.begin or wanted.begin or wanted.read
        key = (*_place(price), price.meter)
        other = by_key[key].setdefault(begin, price)
        if (other.amount, other.per) != (price.amount, price.per):
            place = " ".join(filter(None, key))
            raise BookError(path, place, f"has two prices from {begin} on, {other.amount:f} and {price.amount:f}")
    return [period for dated in by_key.values() for period in _successive(dated, wanted.begin)]


def _successive(dated: dict[str, ListPrice], first: str) -> list[ListPrice]:
    """Periods in the order of time; with `first` the earliest of them begins there."""
    listed = sorted(dated.items(), key=lambda entry: parse_instant(entry[0]))
    ends = [begin for begin, _ in listed[1:]] + [""]
    periods = [
        msgspec.structs.replace(price, begin=begin, end=_earlier(price.end, end))
        for (begin, price), end in zip(listed, ends, strict=True)
    ]
    if first:
        at = parse_instant(first)
        periods = [price for price in periods if not price.end or parse_instant(price.end) > at] or periods[-1:]
        periods[0] = msgspec.structs.replace(periods[0], begin=first)
    return periods


def _earlier(one: str, other: str) -> str:
    """The earlier of two ends; empty: no end."""
    return min(filter(None, (one, other)), key=parse_instant, default="")


def _one_fee(fees: Sequence[ListFee], wanted: Wanted, skipped: Counter[str]) -> list[dict[str, str]]:
    """The fee of each cluster; none if the regions differ, since a fee of a book has no region."""
    if len({(fee.id, fee.amount) for fee in fees}) > 1:
        skipped["of the fee of a cluster, which differs by region or time: import each region apart"] += len(fees)
        return []
    if not fees:
        return []
    begin = wanted.begin or min((fee.begin for fee in fees), key=parse_instant)
    fee = {"id": fees[0].id, "amount": f"{fees[0].amount:f}", "per": "hour", "from": begin}
    return [{**fee, "source": SOURCE, "read": wanted.read}]


def _rows(prices: Iterable[ListPrice], wanted: Wanted) -> list[dict[str, str]]:
    """One row for the meters that share everything else."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for price in prices:
        key: tuple[str, ...] = (*_place(price), price.begin, price.end, price.per, price.confidence)
        rows.setdefault(key, {})[price.meter] = f"{price.amount:f}"
    made = []
    for key, meters in sorted(rows.items()):
        region, price_class, purchase, kind, begin, end, per, confidence = key
        row = {
            "region": region,
            "class": price_class,
            "purchase": purchase,
            "type": kind,
            "per": per,
            **meters,
            "from": begin,
            "to": end,
            "source": SOURCE,
            "read": wanted.read,
            "confidence": confidence,
        }
        made.append({name: text for name, text in row.items() if _USUAL.get(name) != text})
    return made


def _reasons(skipped: Counter[str]) -> str:
    """What is not imported, in words."""
    listed = [f"{count:,} {reason}" for reason, count in skipped.most_common() if count]
    return "not imported: " + ("; ".join(listed) or "nothing")


def _notes(lists: Sequence[PriceList], skipped: Counter[str]) -> list[str]:
    notes = [_reasons(skipped), *(note for listed in lists for note in listed.notes)]
    if sum(listed.unfinished for listed in lists) >= len(lists):
        notes.append("the last page names a next one: regions may lack until that is downloaded and imported too")
    return notes
