"""
The `attribution` settings: rules that decide who pays, in order.

An error names the rule by its place in the file; core/cost/attribution.py applies the rules to workflows.
"""

from datetime import date
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec

from collector.core.cost.billing_days import midnight
from collector.core.rules import BY_CREATOR, AttributionRule, Source

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
    units: str = ""
    """Annotation of the workflow with the number of what it made, such as frames or pages: kept with each run, for a cost per
    unit. Empty: none."""


def rule_of(settings: RuleSettings, zone: ZoneInfo) -> AttributionRule:
    """The rule as core applies it; its days begin at midnight in the billing time zone."""
    ((source, value),) = ((name, value) for name in SOURCES if (value := getattr(settings, name)) is not None)
    begin, end = (midnight(day, zone) if day else None for day in (settings.begin, settings.end))
    if isinstance(value, str):
        return AttributionRule(source, value, settings.map, begin, end)
    return AttributionRule(source, "", value, begin, end)


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
