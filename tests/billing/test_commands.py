"""`lynceus reprice` as a user types it, on a real store."""

import subprocess
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from collector.billing.commands import terms
from collector.billing.exclusive import MONTHS
from collector.cli.main import app
from collector.reports.report import ReportError
from collector.settings.by_rule import ClusterDefaults, MatchRule
from collector.settings.model import ClusterSettings, Settings
from collector.store.claim import acquire_claim
from collector.store.clickhouse import Store
from tests.billing.stored import DEARER, a_past, current, write_all
from tests.builders import DAY, NOON
from tests.commands import run_command
from tests.processes import ROOT, lynceus
from tests.store.running import Running

MONTH = ("--from", "2026-11-01", "--to", "2026-11-23")


def settings_of(engine: Running, folder: Path, *books: str) -> Path:
    """Settings that name the test's store as their own."""
    named = ", ".join(("alibaba-eci", "alibaba-acs", *books))
    text = f"store: {{url: '{engine.url}', username: lynceus, password_file: {engine.token_file}}}\nprices: [{named}]\n"
    path = folder / "lynceus.yaml"
    path.write_text(text, encoding="utf-8")
    (folder / "dearer.yaml").write_text(DEARER, encoding="utf-8")
    return path


def test_reprice_shows_old_and_new_and_a_dry_run_changes_nothing(store: Store, engine: Running, tmp_path: Path) -> None:
    """Amounts are exact text, by month and department; a dry run says the same and leaves the store as it was."""
    write_all(store, [*a_past(2), *a_past(1, department="vision")])
    config = ("--config", str(settings_of(engine, tmp_path, "./dearer.yaml")), "--format", "json")

    tried = run_command("reprice", *MONTH, *config, "--dry-run")
    assert store.query_rows("SELECT max(run) FROM lynceus.pod_cost") == [(1,)]
    made = run_command("reprice", *MONTH, *config)

    before, after = msgspec.json.decode(tried.stdout), msgspec.json.decode(made.stdout)
    assert (tried.returncode, made.returncode) == (0, 0)
    assert before["rows"] == after["rows"]
    assert [(row["month"], row["department"]) for row in after["rows"]] == [("2026-11", "maps"), ("2026-11", "vision")]
    assert all(Decimal(row["new"]) == 2 * Decimal(row["old"]) for row in after["rows"])
    assert after["notes"][0].startswith("2026-11: old total 0.00404")
    assert "3 of 3 pods priced" in made.stderr
    assert store.query_rows("SELECT DISTINCT run FROM lynceus.cost_current") == [(2,)]


def test_an_invalid_month_is_named_in_the_error() -> None:
    """An invalid month is an error that names it and the expected form."""
    with pytest.raises(ReportError, match=r"^invalid month '2026-13'"):
        CliRunner().invoke(app, ["period", "lock", "2026-13"], catch_exceptions=False)


def test_a_store_that_is_not_there_is_one_sentence(engine: Running, tmp_path: Path) -> None:
    """Exit 1 and a remedy, no trace."""
    path = settings_of(engine, tmp_path)
    path.write_text("store: {url: 'http://127.0.0.1:9'}\n", encoding="utf-8")

    result = run_command("reprice", *MONTH, "--config", str(path))

    assert result.returncode == 1
    assert "does not answer" in result.stderr
    assert "Traceback" not in result.stderr


def test_kill_9_leaves_the_old_bill_and_a_clean_second_try(store: Store, engine: Running, tmp_path: Path) -> None:
    """Killed between its last charge and the pointer; the number it had taken is never taken again."""
    write_all(store, a_past(3))
    config = ("--config", str(settings_of(engine, tmp_path, "./dearer.yaml")))
    before = current(store)
    process = subprocess.Popen(lynceus("reprice", *MONTH, *config), stdout=-3, stderr=-3, cwd=ROOT)
    while store.query_rows("SELECT count() FROM lynceus.pod_cost WHERE run = 2") != [(3,)]:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert current(store) == before
    assert store.query_rows("SELECT action, outcome FROM lynceus.audit_entry FINAL") == [("reprice", "begun")]

    assert run_command("reprice", *MONTH, *config).returncode == 0
    assert store.query_rows("SELECT DISTINCT run FROM lynceus.cost_current") == [(3,)]
    assert {key: 2 * cost for key, (cost, *_) in before.items()} == {
        k: cost for k, (cost, *_) in current(store).items()
    }


def test_months_are_locked_listed_and_unlocked(store: Store, engine: Running, tmp_path: Path) -> None:
    """A month that goes on cannot be locked; a locked one refuses repricing and opens only when that is meant."""
    then = NOON - 30 * DAY
    past: dict[str, Any] = {"created_at": then, "scheduled_at": then, "instance_created_at": then, "main_started_at": then,
            "finished_at": then + 60_000}  # fmt: skip
    write_all(store, a_past(1, **past))
    config = ("--config", str(settings_of(engine, tmp_path)))

    assert run_command("period", "lock", "2096-11", *config).returncode == 2
    refused = run_command("period", "lock", "2026-10", *config)
    assert (refused.returncode, "- it has no statement; start a collector" in refused.stderr) == (2, True)
    done = run_command("period", "lock", "2026-10", "--accept", "a test", *config).stdout
    assert done.startswith("2026-10 is locked: to pay 0.0011544 USD (exact 0.0011544); hash of the charges ")
    listed = msgspec.json.decode(run_command("period", "list", "--format", "json", *config).stdout)
    row = listed["rows"][0]
    found = [row[name] for name in ("month", "state", "to pay", "as locked", "accepted")]
    assert found == ["2026-10", "locked", "0.0011544", "yes", 1]
    assert listed["notes"] == ["2026-10: accepted: it has no statement: a test"]
    refused = run_command("reprice", "--from", "2026-10-01", "--to", "2026-11-01", *config)
    assert (refused.returncode, "2026-10: locked" in refused.stderr) == (2, True)
    assert "nothing to correct" in run_command("period", "correct", *config).stdout
    assert "--yes-really" in run_command("period", "unlock", "2026-10", *config).stderr
    assert "open again" in run_command("period", "unlock", "2026-10", "--yes-really", *config).stdout


def test_a_bill_is_put_beside_ours(store: Store, engine: Running, tmp_path: Path) -> None:
    """Of a month that has ended; who is at work on months is named, and an amount that is none."""
    then = NOON - 30 * DAY
    write_all(store, a_past(1, created_at=then, scheduled_at=then, instance_created_at=then, main_started_at=then,
                           finished_at=then + 60_000))  # fmt: skip
    config = ("--config", str(settings_of(engine, tmp_path)))

    assert "invalid price" in run_command("period", "reconcile", "2026-10", "--billed", "much", *config).stderr
    made = run_command(
        "period", "reconcile", "2026-10", "--billed", "0.0012", "--tolerance", "3", "--format", "csv", *config
    )
    assert made.stdout.splitlines()[-1] == "all,0.0011544,0.0012,-0.0000456,-3.80,USD"
    store.command("TRUNCATE TABLE lynceus.claim")
    acquire_claim(store, MONTHS, "process 1 on elsewhere", 3_999_999_940_000, 60)
    refused = run_command("reprice", *MONTH, *config)
    assert (refused.returncode, "process 1 on elsewhere is changing months" in refused.stderr) == (2, True)


def test_clusters_that_no_entry_lists_are_priced_by_the_rules_of_the_collector(tmp_path: Path) -> None:
    """A repriced month of a discovered cluster has the region and the product that its charges had, and another digest."""
    rule = MatchRule(name="prod-*", set=ClusterDefaults(region="cn-hangzhou", product="alibaba-eci"))
    listed = (ClusterSettings(name="own", kubeconfig=str(tmp_path / "none"), region="cn-beijing"),)
    plain, by_rule = Settings(clusters=listed), Settings(clusters=listed, match=(rule,))

    found = terms(by_rule, tmp_path).rules("prod-1")
    assert (found.region, found.product) == ("cn-hangzhou", "alibaba-eci")
    assert terms(by_rule, tmp_path).rules("own").region == "cn-beijing"
    assert terms(by_rule, tmp_path).digest != terms(plain, tmp_path).digest
