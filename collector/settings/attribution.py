"""
The `attribution` settings: rules that decide who pays, in order.

An error names the rule by its place in the file; core/cost/attribution.py applies the rules to workflows.
"""

import re
from datetime import date
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec

from collector.core.cost.billing_days import midnight
from collector.core.rules import BY_CREATOR, AttributionRule, Source
from collector.core.workflow.units import ONLY_UNIT

UNIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
SOURCES: tuple[Source, ...] = get_args(Source)


class RuleSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"begin": "from", "end": "to"}):
    """One attribution rule: exactly one source, and the days on which it is valid."""

    workflow_label: str | None = None
    """Label of the workflow whose value is the name."""
    workflow_annotation: str | None = None
    """Annotation of the workflow whose value is the name."""
    namespace_label: str | None = None
    """Label of the workflow's namespace whose value is the name."""
    template: dict[str, str] | None = None
    """Name for each workflow template."""
    service_account: dict[str, str] | None = None
    """Name for each service account."""
    namespace: dict[str, str] | None = None
    """Name for each namespace."""
    map: dict[str, str] | None = None
    """Translates values of a label or an annotation; a value that is not listed does not match."""
    begin: date | None = None
    """First day on which a workflow may have been created, in the billing time zone. Default: no first day."""
    end: date | None = None
    """The day after the last one. Default: no last day."""


class UnitSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A unit of what workflows make."""

    name: str
    """Name of the unit in `workflow_run.made` and in reports."""
    workflow_annotation: str
    """Annotation of the workflow with the number of what it made."""


class AttributionSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who pays: the first rule that matches, else `unallocated`."""

    department: tuple[RuleSettings, ...] = (
        RuleSettings(workflow_label="department"),
        RuleSettings(namespace_label="department"),
    )
    """Rules for the department that pays. The first match counts; without a match it is `unallocated`."""
    project: tuple[RuleSettings, ...] = (RuleSettings(workflow_label="project"),)
    """Rules for the project."""
    creator: tuple[RuleSettings, ...] = tuple(RuleSettings(workflow_label=rule.key) for rule in BY_CREATOR)
    """Rules for the creator. Default: who submitted the workflow by the label of Argo's server, else who last acted on it."""
    units: tuple[UnitSettings, ...] | str = ()
    """What workflows make, such as kilometres, frames or pages: the numbers are kept with each run, for a cost per unit. An
    annotation alone, without a list, is one unit of the name `units`. Empty: none."""


def rule_of(settings: RuleSettings, zone: ZoneInfo) -> AttributionRule:
    """The rule as core applies it; its days begin at midnight in the billing time zone."""
    ((source, value),) = ((name, value) for name in SOURCES if (value := getattr(settings, name)) is not None)
    begin, end = (midnight(day, zone) if day else None for day in (settings.begin, settings.end))
    if isinstance(value, str):
        return AttributionRule(source, value, settings.map, begin, end)
    return AttributionRule(source, "", value, begin, end)


def annotations_of(units: tuple[UnitSettings, ...] | str) -> dict[str, str]:
    """By name of a unit the annotation that states its number."""
    if isinstance(units, str):
        return {ONLY_UNIT: units} if units else {}
    return {unit.name: unit.workflow_annotation for unit in units}


def check_units(units: tuple[UnitSettings, ...] | str) -> None:
    """Raises ValueError for a unit without an annotation, and for a name that is invalid or is there twice."""
    names = [unit.name for unit in units if not isinstance(unit, str)]
    for i, unit in enumerate(() if isinstance(units, str) else units):
        if not UNIT_NAME.fullmatch(unit.name):
            raise ValueError(
                f"attribution.units[{i}].name: invalid name {unit.name[:60]!r}; expected up to 63 letters, digits, `.`, `_` "
                "or `-`, like km"
            )
        if unit.name in names[:i]:
            raise ValueError(
                f"attribution.units[{i}].name: {unit.name} is there twice; give each unit a name of its own"
            )
        if not unit.workflow_annotation:
            raise ValueError(f"attribution.units[{i}].workflow_annotation: is empty; name one, like example.com/km")


def check_rules(rules: tuple[RuleSettings, ...], zone: ZoneInfo, place: str) -> None:
    """Raises ValueError for an invalid rule, and for one that can never match because of an earlier rule."""
    for i, written in enumerate(rules):
        if problem := _problem(written):
            raise ValueError(f"{place}[{i}]: {problem}")
    made = [rule_of(rule, zone) for rule in rules]
    for i, rule in enumerate(made):
        before = next((n for n in range(i) if made[n].shadows(rule)), None)
        if before is not None:
            raise ValueError(
                f"{place}[{i}]: can never match: {place}[{before}] always matches first for "
                f"`{rule.source}` {rule.key or ', '.join(rule.map or ())}; remove one, put this one first, or give them "
                "different `from` and `to`"
            )


def _problem(rule: RuleSettings) -> str:
    """The problem with a rule by itself, or an empty text."""
    sources = {name: value for name in SOURCES if (value := getattr(rule, name)) is not None}
    if len(sources) != 1:
        return "give exactly one key, like `workflow_label: department`"
    ((name, value),) = sources.items()
    if isinstance(value, dict) and rule.map is not None:
        return f"`{name}` is a map already; put the values there and remove `map`"
    if not value:
        return f"{name}: is empty"
    texts = value if isinstance(value, dict) else rule.map
    if texts is not None and not (texts and all(key and text for key, text in texts.items())):
        return f"{name if isinstance(value, dict) else 'map'}: must map names to names, none of them empty"
    if rule.begin and rule.end and rule.end <= rule.begin:
        return f"to: {rule.end} is not after `from`, {rule.begin}; `to` is the day after the last one"
    return ""
