"""`lynceus report forecast`, `budgets`, `anomalies` and `snapshot` as they are typed, on the real engine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.reports.month_difference import following
from collector.settings.model import SettingsError
from tests.cli.mailed import MailedFleet, a_mailed_fleet
from tests.reports.until_today import MONTH, TODAY

LATER = f"{following(MONTH):%Y-%m}"
THIS = f"{MONTH:%Y-%m}"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailedFleet]:
    with a_mailed_fleet(tmp_path_factory.mktemp("fleet")) as made:
        yield made


def rows(fleet: MailedFleet, words: str, token: str = "") -> list[dict[str, Any]]:
    """The rows of a report as JSON."""
    return list(json.loads(fleet.printed(f"report {words} --format json", token=token))["rows"])


def test_budgets_are_those_of_the_settings(fleet: MailedFleet) -> None:
    """In their order, each with its state; a name is made of what the budget is about."""
    found = {row["budget"]: row["state"] for row in rows(fleet, "budgets")}

    assert found == {"maps": "passed", "limit of sim": "ok", "whole fleet": "ok"}
    assert f"Budgets of {THIS}" in fleet.printed(f"report budgets --month {THIS}")


def test_a_reader_of_a_department_sees_its_budgets_alone(fleet: MailedFleet) -> None:
    """Neither those of others, nor those of all."""
    assert [row["budget"] for row in rows(fleet, "budgets", token=fleet.token)] == ["maps"]


def test_a_forecast_is_divided_and_filtered(fleet: MailedFleet) -> None:
    """What is to date is what the cost report has, by the same columns."""
    by = rows(fleet, "forecast --by department")
    [chosen] = rows(fleet, f"forecast --where department=maps --month {THIS}")
    paid = {row["department"]: row["to pay"] for row in rows(fleet, f"cost --month {THIS}")}

    assert {row["department"]: row["to date"] for row in by} == paid
    assert {*paid} == {"maps", "sim"}
    assert (chosen["to date"], chosen["currency"]) == (paid["maps"], "USD")
    assert float(chosen["low"]) <= float(chosen["likely"]) <= float(chosen["high"])


def test_anomalies_have_a_sentence_each(fleet: MailedFleet) -> None:
    """The most excess first; a filter and a number choose."""
    period = f"--from {TODAY} --to {following(TODAY)}"
    names = [row["workflow"] for row in rows(fleet, f"anomalies {period}")]
    printed = fleet.printed(f"report anomalies {period} --where department=maps")
    first = fleet.printed(f"report anomalies {period} --top 1")

    assert names == ["sim-drive-91", "nightly-90"]
    assert "nightly-90 of nightly v1 cost 60.00" in printed.replace("\xa0", " ")
    assert "sim-drive" not in printed
    assert "1 more; --top 0 shows all" in first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (f"forecast --month {LATER}", f"--month {LATER} has not begun"),
        ("forecast --by day", "--by day: no such column"),
        ("forecast --where shape=round", "--where shape: no such column"),
        (f"budgets --month {LATER}", f"--month {LATER} has not begun"),
        ("budgets --month 2026-1", "invalid month '2026-1'"),
        ("anomalies --where step=fit", "--where step: no such column"),
    ],
)
def test_what_there_is_not_is_refused(fleet: MailedFleet, words: str, message: str) -> None:
    """Exit code 2, with what is wrong."""
    done = fleet.run(f"report {words}")

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_snapshot_has_what_the_month_leads_to(fleet: MailedFleet, tmp_path: Path) -> None:
    """Forecast, budgets and anomalies: of all for who runs the collector, of its own for a reader of a department."""
    texts = []
    for name, token in (("all", ""), ("maps", fleet.token)):
        out = tmp_path / f"{name}.html"
        fleet.printed(f"report snapshot --month {THIS} --out {out}", token=token)
        texts.append(out.read_text(encoding="utf-8"))

    for word in ("limit of sim", "whole fleet", "sim-drive-91", '<th scope="row">maps</th>'):
        assert word in texts[0]
    for word in ("<dt>Forecast", "nightly-90", '<th scope="row">maps</th>'):
        assert word in texts[1]
    for word in ("limit of sim", "whole fleet", "sim-drive"):
        assert word not in texts[1]


def test_a_month_without_cost_is_a_snapshot_too(fleet: MailedFleet, tmp_path: Path) -> None:
    """Nothing is known of it, and no outlook is read; a folder that is not there is named."""
    out = tmp_path / "old.html"
    fleet.printed(f"report snapshot --month 2020-01 --department maps --out {out}")
    missing = tmp_path / "none" / "old.html"
    with pytest.raises(SettingsError, match=f"--out {missing}: No such file or directory"):
        fleet.printed(f"report snapshot --month 2020-01 --out {missing}")

    assert "Nothing is known of this month." in out.read_text(encoding="utf-8")
