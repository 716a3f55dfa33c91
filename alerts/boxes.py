"""
Where a number applies: boxes of label values that together cover every series exactly once.

An override names labels and their values. Each override cuts every box into the part that it names and the parts that it
does not, so that a series is in one box only, whatever overrides meet, and each box is plain PromQL matchers.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

LABELS = ("cluster", "namespace", "queue", "lock", "cron")
"""Labels that an override may name."""

Selector = Mapping[str, str]
"""Values by label: all of them must be equal."""


@dataclass(frozen=True, slots=True)
class Box:
    """Series that have these values, and none of those."""

    equal: Mapping[str, str] = field(default_factory=dict)
    differ: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def labels(self) -> set[str]:
        """Labels that decide whether a series is inside."""
        return {*self.equal, *self.differ}

    def is_within(self, selector: Selector) -> bool:
        """Whether the selector names the whole box; else it names none of it, once the box is cut by it."""
        return selector.items() <= self.equal.items()

    def matchers(self, labels: Iterable[str]) -> list[str]:
        """PromQL matchers for a metric with these labels."""
        known = set(labels)
        same = [f"{label}={quoted(value)}" for label, value in self.equal.items() if label in known]
        return same + [_none_of(label, values) for label, values in self.differ.items() if label in known]


def boxes(selectors: Iterable[Selector]) -> list[Box]:
    """Cuts the space of all series by every selector; the box that no selector names stands last."""
    cut = [Box()]
    for selector in selectors:
        cut = [part for box in cut for part in _cut(box, selector)]
    return cut


def quoted(text: str) -> str:
    """A PromQL string; for names its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _cut(box: Box, selector: Selector) -> list[Box]:
    """The part that the selector names first, then what it does not name: a box for each label that differs."""
    outside, inside = [], box
    for label, value in selector.items():
        if label in inside.equal:
            if inside.equal[label] != value:
                return [box]
        elif value in inside.differ.get(label, ()):
            return [box]
        else:
            others = {name: values for name, values in inside.differ.items() if name != label}
            apart = {**others, label: (*inside.differ.get(label, ()), value)}
            outside.append(replace(inside, differ=apart))
            inside = Box(equal={**inside.equal, label: value}, differ=others)
    return [inside, *outside]


def _none_of(label: str, values: tuple[str, ...]) -> str:
    if len(values) == 1:
        return f"{label}!={quoted(values[0])}"
    return f"{label}!~{quoted('|'.join(map(re.escape, values)))}"
