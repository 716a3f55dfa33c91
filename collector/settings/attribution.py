"""
The settings' part on attribution: who pays, by rules in order.

What is wrong with a rule is said where it stands; how rules are put to a workflow is in core/attribution.py.
"""

from datetime import date
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec

from collector.core.cost.billing_days import midnight
from collector.core.rules import BY_CREATOR, AttributionRule, Source

SOURCES: tuple[Source, ...] = get_args(Source)


class RuleSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"begin": "from", "end": "to"}):
    """One attribution rule: exactly one source, and when it holds."""

    workflow_label: str | None = None
    workflow_annotation: str | None = None
    namespace_label: str | None = None
    template: dict[str, str] | None = None
    service_account: dict[str, str] | None = None
    namespace: dict[str, str] | None = None
    map: dict[str, str] | None = None
    """Translates what a label or an annotation says; what it lacks does not match."""
    begin: date | None = None
    """First day on which a workflow may have been created, in the billing time zone; left out: ever since."""
    end: date | None = None
    """The day after the last one; left out: for ever."""


class AttributionSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who pays: the first rule that matches; none: `unallocated`."""

    department: tuple[RuleSettings, ...] = (
        RuleSettings(workflow_label="department"),
        RuleSettings(namespace_label="department"),
    )
    project: tuple[RuleSettings, ...] = (RuleSettings(workflow_label="project"),)
    creator: tuple[RuleSettings, ...] = tuple(RuleSettings(workflow_label=rule.key) for rule in BY_CREATOR)


def rule_of(settings: RuleSettings, zone: ZoneInfo) -> AttributionRule:
    """The rule as core puts it to workflows; its days are midnights of the billing time zone."""
    ((source, value),) = ((name, value) for name in SOURCES if (value := getattr(settings, name)) is not None)
    begin, end = (midnight(day, zone) if day else None for day in (settings.begin, settings.end))
    if isinstance(value, str):
        return AttributionRule(source, value, settings.map, begin, end)
    return AttributionRule(source, "", value, begin, end)


def check(told: tuple[RuleSettings, ...], zone: ZoneInfo, place: str) -> None:
    """ValueError for a rule that says nothing, and for one that no workflow can come to."""
    for i, said in enumerate(told):
        if why := _mistake(said):
            raise ValueError(f"{place}[{i}]: {why}")
    rules = [rule_of(said, zone) for said in told]
    for i, rule in enumerate(rules):
        before = next((n for n in range(i) if rules[n].forestalls(rule)), None)
        if before is not None:
            raise ValueError(
                f"{place}[{i}]: can never match: {place}[{before}] before it always does for "
                f"`{rule.source}` {rule.key or ', '.join(rule.map or ())}; remove one, put this one first, or give them "
                "different `from` and `to`"
            )


def _mistake(rule: RuleSettings) -> str:
    """What is wrong with a rule by itself; empty: nothing."""
    sources = {name: value for name in SOURCES if (value := getattr(rule, name)) is not None}
    if len(sources) != 1:
        return "give exactly one key, like `workflow_label: department`"
    ((name, value),) = sources.items()
    if isinstance(value, dict) and rule.map is not None:
        return f"`{name}` holds a map already; write it there and not under `map`"
    if not value:
        return f"{name}: is empty"
    texts = value if isinstance(value, dict) else rule.map
    if texts is not None and not (texts and all(key and text for key, text in texts.items())):
        return f"{name if isinstance(value, dict) else 'map'}: must map names to names, neither of them empty"
    if rule.begin and rule.end and rule.end <= rule.begin:
        return f"to: {rule.end} is not after `from`, {rule.begin}; `to` is the day after the last one"
    return ""
