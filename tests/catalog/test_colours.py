"""Colours that mean something: each can be seen on both grounds, and none is missing."""

from collections.abc import Mapping
from itertools import chain, combinations, pairwise

import pytest

from collector.catalog import colours
from collector.core.model import BEFORE_WORK, OUTCOMES, REASONS
from collector.core.workflow.outcome import PLATFORM_REASONS
from tests.catalog.eyes import apart, linear

GROUNDS = {"white": "#ffffff", "Grafana dark": "#181b1f", "page dark": "#151b23"}
LEVELS = (colours.GOOD, colours.CAUTION, colours.BAD)
TABLES = {"reasons": colours.REASONS, "outcomes": colours.OUTCOMES, "classes": colours.COST_CLASSES}
"""Those that are stacked."""
ALL = {
    *chain.from_iterable(table.values() for table in TABLES.values()),
    *colours.PLATFORM_FAILURES.values(),
    *LEVELS,
}

AT_A_GLANCE = 8.0
SIDE_BY_SIDE = 5.0


def luminance(colour: str) -> float:
    """Relative luminance, by WCAG 2.2."""
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, by WCAG 2.2."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)
@pytest.mark.parametrize("colour", sorted(ALL))
def test_a_colour_can_be_seen_on_both_grounds(colour: str, ground: str) -> None:
    """WCAG asks 3:1 for graphical objects."""
    assert contrast(colour, ground) >= 3


def test_every_reason_and_outcome_has_a_colour() -> None:
    """One that is added later would be drawn in a random colour."""
    assert set(colours.REASONS) == set(REASONS)
    assert set(colours.OUTCOMES) == set(OUTCOMES)
    assert set(colours.PLATFORM_FAILURES) == PLATFORM_REASONS


def test_a_failure_is_never_green() -> None:
    """Green is what is well."""
    assert colours.GOOD not in colours.PLATFORM_FAILURES.values()


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_neighbours_of_a_stack_differ_to_every_eye(table: Mapping[str, str]) -> None:
    """A stack has the order of its table, and a boundary that cannot be seen makes one amount of two."""
    alike = [(a, b) for a, b in pairwise(table) if apart(table[a], table[b]) < AT_A_GLANCE]
    assert alike == []


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_those_with_one_between_them_differ_too(table: Mapping[str, str]) -> None:
    """The one between them is often 0."""
    names = list(table)
    alike = [(a, b) for a, b in zip(names, names[2:], strict=False) if apart(table[a], table[b]) < SIDE_BY_SIDE]
    assert alike == []


def test_reasons_of_a_queue_differ_from_each_other_and_from_running() -> None:
    """A queue's history stacks any of the four; limits stack them on what runs."""
    names = (*BEFORE_WORK, "running")
    alike = [pair for pair in combinations(names, 2) if apart(*(colours.REASONS[name] for name in pair)) < AT_A_GLANCE]
    assert alike == []


@pytest.mark.parametrize("table", [colours.OUTCOMES, colours.COST_CLASSES], ids=["outcomes", "classes"])
def test_what_is_good_differs_from_every_loss(table: Mapping[str, str]) -> None:
    """Any other part may be the neighbour of the first, and how large the first is, is the question."""
    good, *others = table
    assert [other for other in others if apart(table[good], table[other]) < AT_A_GLANCE] == []


def test_levels_differ_to_every_eye() -> None:
    """Red and green are one colour to 1 man in 12 unless they differ in more than hue."""
    assert [(a, b) for a, b in combinations(LEVELS, 2) if apart(a, b) < AT_A_GLANCE] == []


def test_the_judge_of_eyes_knows_red_and_green_of_the_same_lightness() -> None:
    """Otherwise the rules above would hold for any table."""
    assert apart("#b04040", "#5a7a2c") < SIDE_BY_SIDE < apart("#b04040", "#2079c4")
