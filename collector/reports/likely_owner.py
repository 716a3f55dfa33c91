"""
Whose the unallocated cost of a month probably is, by what the same people, namespaces and templates have elsewhere.

A department is guessed where most of the workflows that share a creator, a namespace or a template with the row are
allocated to it, and nothing else speaks for another one. Where evidence is thin nothing is guessed. Each guess comes with
the rule of the settings that would have allocated the row, made of what its workflows are known to keep.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args

import msgspec
import yaml
from msgspec.structs import replace

from collector.catalog.schema import DATABASE
from collector.core.cost.attribution import ANNOTATION, NAMESPACE, UNALLOCATED
from collector.core.cost.meters import total
from collector.core.units import ZERO
from collector.reports.cost_figures import CURRENCY, PODS, SHARED, TO_PAY, WORKFLOWS
from collector.reports.cost_rows import OTHERS, TOTAL, CostLine, cost_rows, sums
from collector.reports.cost_source import CostView
from collector.reports.filters import Filter
from collector.reports.report import Query, Report, Span
from collector.reports.sources import BEGIN, CREATED, END

Trait = Literal["namespace", "template", "creator"]
TRAITS: tuple[Trait, ...] = get_args(Trait)
"""What rows have in common with allocated ones; the first that speaks for the guess makes the rule."""
KEYS = ("cluster", "namespace", "creator", "template")
MOST_ROWS = 200
"""Rows that are looked into, the dearest of each currency; the others are summed up."""
ENOUGH = 5
"""Allocated workflows with the same trait; of fewer nothing follows."""
CLEAR = Decimal("0.8")
"""Share of them that one department must have."""
BEFORE_DAYS = 92
"""How long before the period evidence is looked for where the period itself has too little."""
COLUMNS = (*KEYS, "to pay", "shared", "currency", "workflows", "pods", "likely owner", "because", "rule")
"""`rule` is an entry of `attribution.department`."""
_ON_ONE_LINE: Mapping[str, Any] = {
    "sort_keys": False,
    "allow_unicode": True,
    "default_flow_style": True,
    "width": math.inf,
}
_RUNS = f"{DATABASE}.workflow_run WHERE created_at >= {BEGIN} - INTERVAL {BEFORE_DAYS} DAY AND created_at < {END}"
COUNTED = " UNION ALL ".join(
    f"""
    SELECT '{trait}' AS trait, {trait} AS value, department, uniqExactIf(uid, created_at >= {BEGIN}), uniqExact(uid)
    FROM {_RUNS} AND department NOT IN ('', '{UNALLOCATED}') AND {trait} IN {{{trait}s:Array(String)}}
    GROUP BY value, department
    """
    for trait in TRAITS
)
"""By trait, its text and department the allocated workflows of the period, and those from before it on."""
KEPT = f"""
    SELECT creator, key, uniqExact(uid) AS runs
    FROM (
        SELECT uid, creator, arrayJoin(mapKeys(mapFilter((k, v) -> v = creator, labels))) AS key
        FROM {DATABASE}.workflow_run
        WHERE {CREATED} AND creator IN {{creators:Array(String)}} AND department IN ('', '{UNALLOCATED}')
    ) GROUP BY creator, key ORDER BY creator, runs DESC, key
"""
"""By creator the labels and annotations of unallocated workflows whose text is the creator."""


class Evidence(NamedTuple):
    """What allocated workflows say that have something in common with a row."""

    trait: Trait
    value: str
    department: str
    """That has most of them."""
    workflows: int
    """Of this department."""
    of: int
    """Of all departments."""

    @property
    def share(self) -> Decimal:
        """The department's part of them."""
        return Decimal(self.workflows) / Decimal(self.of)

    @property
    def is_clear(self) -> bool:
        """Whether they are enough, and most of them are the department's."""
        return self.of >= ENOUGH and self.share >= CLEAR


class UnallocatedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Unallocated cost of one cluster, namespace, creator and template, and whose it probably is."""

    cluster: str
    namespace: str
    creator: str
    template: str
    currency: str
    to_pay: Decimal | None
    shared: Decimal
    workflows: int | None
    """None: of several rows, which may have the same ones."""
    pods: int
    evidence: tuple[Evidence, ...] = ()
    """The most frequent department by each trait, clear or not."""
    guess: str = ""
    """Empty: the evidence is thin, or speaks for several departments."""
    because: Evidence | None = None
    rule: Mapping[str, Any] | None = None
    """As `attribution.department` has it; None: no kept label has the trait."""


class LikelyOwner(NamedTuple):
    """A department to which several rows probably belong."""

    department: str
    to_pay: Decimal
    parts: int
    """Rows."""
    because: Evidence
    """Of the dearest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnallocatedCost:
    """The unallocated cost of a period."""

    rows: Sequence[UnallocatedRow]
    others: Sequence[UnallocatedRow]
    """The sums of what is not in `rows`, one for each currency."""
    totals: Sequence[UnallocatedRow]

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The rules of all guesses, those of one source as one rule."""
        joined: dict[tuple[str, str], dict[str, Any]] = {}
        for rule in (row.rule for row in self.rows if row.rule):
            (source, value), *mapped = rule.items()
            named = "" if isinstance(value, Mapping) else str(value)
            known = joined.setdefault((source, named), {source: named or dict(value)})
            if named:
                known.setdefault("map", {}).update(dict(mapped)["map"])
            else:
                known[source].update(value)
        return list(joined.values())


NOTHING = UnallocatedCost(rows=(), others=(), totals=())


def unallocated_cost(query: Query, span: Span) -> UnallocatedCost:
    """Reads the unallocated cost of a period, the dearest rows first, and looks for their owners; for readers of everything."""
    view = CostView(span=span, columns=KEYS, filters=(Filter("department", (UNALLOCATED,)),))
    found = cost_rows(query, view, [TO_PAY, SHARED, CURRENCY, WORKFLOWS, PODS], f"{TO_PAY.sql} DESC NULLS LAST, ")
    rows = [_row(line) for line in found[:MOST_ROWS]]
    known = _evidence(query, span, rows) if rows else {}
    guessed = [_guessed(row, known) for row in rows]
    creators = [row.creator for row in guessed if row.because is not None and row.because.trait == "creator"]
    kept = _labels_kept(query, span, creators) if creators else {}
    return UnallocatedCost(
        rows=[replace(row, rule=_rule(row, kept)) for row in guessed],
        others=[_row(line) for line in sums(found[MOST_ROWS:], "")],
        totals=[_row(line) for line in sums(found, "")],
    )


def likely_owners(found: UnallocatedCost, currency: str) -> list[LikelyOwner]:
    """Sums up the rows of one currency by their likely owner, the one with most first."""
    owned: dict[str, list[UnallocatedRow]] = {}
    for row in found.rows:
        if row.because is not None and row.currency == currency and row.to_pay is not None:
            owned.setdefault(row.guess, []).append(row)
    owners = [
        LikelyOwner(name, total(row.to_pay or ZERO for row in rows), len(rows), rows[0].because)
        for name, rows in owned.items()
        if rows[0].because is not None
    ]
    return sorted(owners, key=lambda one: (-one.to_pay, one.department))


def report(found: UnallocatedCost, span: Span) -> Report:
    """The same as a table."""
    return Report(
        f"Unallocated, {span}",
        COLUMNS,
        [*map(_cells, found.rows), *(_cells(row, name=OTHERS) for row in found.others)],
        totals=[_cells(row, name=TOTAL) for row in found.totals],
        money=frozenset({"to pay", "shared"}),
        keys=len(KEYS),
    )


def as_settings(rules: Sequence[Mapping[str, Any]]) -> str:
    """Rules as they stand in the settings file; empty without any."""
    if not rules:
        return ""
    return yaml.safe_dump({"attribution": {"department": list(rules)}}, sort_keys=False, allow_unicode=True)


def because(evidence: Evidence) -> str:
    """Evidence as a sentence for tables and programs."""
    return (
        f"{evidence.workflows:,} of {evidence.of:,} allocated workflows of {evidence.trait} {evidence.value} are "
        f"{evidence.department}'s"
    )


def _row(line: CostLine) -> UnallocatedRow:
    cluster, namespace, creator, template = map(str, line.keys)
    figures = line.figures
    return UnallocatedRow(
        cluster=cluster,
        namespace=namespace,
        creator=creator,
        template=template,
        currency=figures[CURRENCY],
        to_pay=figures[TO_PAY],
        shared=figures[SHARED],
        workflows=figures[WORKFLOWS],
        pods=figures[PODS],
    )


def _values(rows: Iterable[UnallocatedRow], trait: Trait) -> list[str]:
    return sorted({value for row in rows if (value := getattr(row, trait)) != UNALLOCATED})


def _evidence(query: Query, span: Span, rows: Sequence[UnallocatedRow]) -> dict[Trait, dict[str, Evidence]]:
    """By trait and its text what allocated workflows say: those of the period, or also of before where these are few."""
    values = {f"{trait}s": _values(rows, trait) for trait in TRAITS}
    counted: dict[Trait, dict[str, tuple[dict[str, int], dict[str, int]]]] = {trait: {} for trait in TRAITS}
    for trait, value, department, in_period, since_before in query(COUNTED, {**span.parameters(), **values}):
        both = counted[trait].setdefault(value, ({}, {}))
        for counts, number in zip(both, (in_period, since_before), strict=True):
            counts[department] = number
    return {
        trait: {
            value: _most(trait, value, own if sum(own.values()) >= ENOUGH else wider)
            for value, (own, wider) in by_value.items()
        }
        for trait, by_value in counted.items()
    }


def _most(trait: Trait, value: str, counts: Mapping[str, int]) -> Evidence:
    department = max(sorted(counts), key=counts.__getitem__)
    return Evidence(trait, value, department, counts[department], sum(counts.values()))


def _guessed(row: UnallocatedRow, known: Mapping[Trait, Mapping[str, Evidence]]) -> UnallocatedRow:
    """The row with its evidence, and a guess where all that is clear speaks for one department."""
    evidence = tuple(found for trait in TRAITS if (found := known[trait].get(getattr(row, trait))) is not None)
    clear = [one for one in evidence if one.is_clear]
    if len({one.department for one in clear}) != 1:
        return replace(row, evidence=evidence)
    return replace(row, evidence=evidence, guess=clear[0].department, because=clear[0])


def _labels_kept(query: Query, span: Span, creators: Sequence[str]) -> dict[str, str]:
    """By creator the key of the label or annotation that most of their unallocated workflows name them in."""
    rows = query(KEPT, {**span.parameters(), "creators": sorted(set(creators))})
    return {creator: key for creator, key, _ in reversed(rows)}


def _rule(row: UnallocatedRow, kept: Mapping[str, str]) -> dict[str, Any] | None:
    """The rule that would have allocated the row."""
    if row.because is None:
        return None
    named = {row.because.value: row.guess}
    if row.because.trait != "creator":
        return {row.because.trait: named}
    key = kept.get(row.creator, "")
    for prefix, source in ((ANNOTATION, "workflow_annotation"), (NAMESPACE, "namespace_label")):
        if key.startswith(prefix):
            return {source: key.removeprefix(prefix), "map": named}
    return {"workflow_label": key, "map": named} if key else None


def _cells(row: UnallocatedRow, name: str = "") -> tuple[Any, ...]:
    keys = (name, "", "", "") if name else (row.cluster, row.namespace, row.creator, row.template)
    why = because(row.because) if row.because else ""
    rule = yaml.safe_dump(row.rule, **_ON_ONE_LINE).strip() if row.rule else ""
    return (*keys, row.to_pay, row.shared, row.currency, row.workflows, row.pods, row.guess, why, rule)
