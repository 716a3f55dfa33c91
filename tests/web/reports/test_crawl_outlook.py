"""How the month will end, on every page of bills: forecast, budgets and what costs more than usual are those of the CLI."""

from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from tests.web.reports.crawled import CENT, Crawled, bills, grown, of_department
from tests.web.reports.read_pages import amount_of

pytestmark = [pytest.mark.seen, pytest.mark.timeout(900)]


def is_same(shown: str, exact: str, month: str) -> bool:
    """Whether a page and the CLI mean the same amount."""
    amount = Decimal(exact)
    return abs(amount_of(shown) - amount) < CENT + grown(month, amount)


def test_forecasts_are_those_of_the_cli(crawled: Crawled) -> None:
    """What is likely, of the present month, on each page; a month that is over has none."""
    wrong, seen = list[Any](), 0
    present = max(of["month"] for _, _, of in bills(crawled))

    @cache
    def ask(department: str) -> Any:
        return crawled.demo.ask("report", "forecast", "--month", present, *of_department(department))["rows"]

    for name, page, of in bills(crawled):
        shown = page.figures.get("forecast-USD")
        if of["month"] != present:
            wrong += [(name, shown)] if shown not in (None, "–") else []
            continue
        [row] = ask(of["department"]) or [{"likely": None}]
        if row["likely"] is not None:
            seen += 1
            wrong += [(name, shown, row["likely"])] if not is_same(shown or "-1", row["likely"], present) else []

    assert seen
    assert wrong == []


def test_budgets_are_those_of_the_cli(crawled: Crawled) -> None:
    """The page of all departments has every budget, with what is used, its amount and what is likely."""
    wrong, seen = list[Any](), 0
    for name, page, of in bills(crawled):
        table = page.table("budgets-title")
        if table is None or of["department"]:
            continue
        seen += 1
        settings = crawled.demo.folder.parent / "run.yaml"
        command = ("report", "budgets", "--month", of["month"], "--config", str(settings))
        exact = {
            row["budget"]: [row["used"], row["amount"], row["likely"]] for row in crawled.demo.ask(*command)["rows"]
        }
        shown = {row[0]: [row[1], row[2], row[4]] for row in table.rows}
        if shown.keys() != exact.keys():
            wrong.append((name, shown, exact))
        wrong += [
            (name, budget, figure, of_cli)
            for budget in shown.keys() & exact.keys()
            for figure, of_cli in zip(shown[budget], exact[budget], strict=True)
            if of_cli is not None and not is_same(figure, of_cli, of["month"])
        ]

    assert seen
    assert wrong == []


def test_anomalies_are_those_of_the_cli(crawled: Crawled) -> None:
    """Each sentence of `report anomalies` stands on the English page of its month, and as many on the Chinese one."""
    wrong, seen = list[Any](), 0

    @cache
    def ask(month: str, department: str) -> Any:
        return crawled.demo.ask("report", "anomalies", "--month", month, *of_department(department))

    for name, page, of in bills(crawled):
        if "first" not in page.figures:
            continue
        answer = ask(of["month"], of["department"])
        shown = page.items("anomalies-title")
        seen += len(shown)
        exact = [" ".join(note.split()) for note in answer["notes"][: len(answer["rows"])][:10]]
        if len(shown) != len(exact) or (page.language == "en" and shown != exact):
            wrong.append((name, shown, exact))

    assert seen
    assert wrong == []
