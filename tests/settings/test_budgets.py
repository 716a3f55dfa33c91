"""The `budgets` settings: what rows of the cost report may cost in a month."""

from datetime import date
from decimal import Decimal

import pytest

from collector.core.cost.budget import Budget
from collector.settings.budgets import LONGEST, MOST, budgets_of
from collector.settings.load import parse_settings
from collector.settings.model import SettingsError


def parsed(text: str) -> tuple[Budget, ...]:
    """The budgets of a settings file."""
    settings = parse_settings(text.encode(), "x")
    return budgets_of(settings.budgets, settings.currency)


def test_a_budget_has_defaults() -> None:
    """The name is that of its rows, the currency that of the settings; amounts are exact."""
    [of_maps, of_all, of_none] = parsed(
        "{currency: CNY, budgets: [{where: {department: maps, project: tiles}, month: '120000.01'}, {month: '9'},"
        " {where: {department: ''}, month: '1', currency: USD, thresholds: {actual: [90, 50], forecast: []}}]}"
    )

    assert of_maps == Budget(
        name="maps, tiles",
        where=(("department", "maps"), ("project", "tiles")),
        amount=Decimal("120000.01"),
        currency="CNY",
        actual=(80, 100),
        forecast=(100,),
    )
    assert (of_all.name, of_all.where) == ("all", ())
    assert (of_none.name, of_none.currency, of_none.actual, of_none.forecast) == ("no department", "USD", (50, 90), ())


def test_a_budget_may_change_with_the_months() -> None:
    """One name may have another amount from a month on."""
    [before, after] = parsed(
        "budgets: [{name: a, month: '1', until: 2026-11-01}, {name: a, month: '2', from: 2026-11-01}]"
    )

    assert (before.end, after.begin) == (date(2026, 11, 1), date(2026, 11, 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{month: '1', where: {team: a}}", r"budgets\[0\].where.team: no such column; there are department, project"),
        ("{month: '1', where: {day: '2026-11-01'}}", r"budgets\[0\].where.day: no such column"),
        (f"{{month: '1', where: {{project: {'x' * (LONGEST + 1)}}}}}", r"where.project: is longer than 200"),
        (f"{{month: '1', name: {'x' * (LONGEST + 1)}}}", r"budgets\[0\].name: is longer than 200"),
        ("{month: 12 k}", r"budgets\[0\].month: '12 k' is not an amount above 0; write it like \"120000\""),
        ("{month: '0'}", r"budgets\[0\].month: '0' is not an amount above 0"),
        ("{month: 120000}", r"budgets\[0\].month: Expected `str`"),
        ("{month: '1', currency: RMB}", r"budgets\[0\].currency: 'RMB' is unknown; known are AUD"),
        ("{month: '1', thresholds: {actual: [0]}}", r"budgets\[0\].thresholds.actual: percentages are from 1 to 1000"),
        ("{month: '1', thresholds: {forecast: [0.8]}}", r"budgets\[0\].thresholds.forecast"),
        ("{month: '1', from: 2026-11-02}", r"budgets\[0\].from: 2026-11-02 is not the first day .* like 2026-11-01"),
        ("{month: '1', from: 2026-11-01, until: 2026-11-01}", r"budgets\[0\].until: 2026-11-01 is not after `from`"),
        ("{month: '1'}, {month: '2'}", r"budgets\[1\].name: 'all' is taken by budgets\[0\]"),
        ("{where: {project: a}}", r"budgets\[0\]: Object missing required field `month`"),
    ],
)
def test_a_wrong_budget_is_named(text: str, words: str) -> None:
    """With its place and the remedy."""
    with pytest.raises(SettingsError, match=words):
        parsed(f"budgets: [{text}]")


def test_there_are_not_too_many() -> None:
    """Each is some series in Prometheus."""
    some = ", ".join(f"{{name: b{i}, month: '1'}}" for i in range(MOST + 1))

    with pytest.raises(SettingsError, match="1001 are too many; at most 1000"):
        parsed(f"budgets: [{some}]")
