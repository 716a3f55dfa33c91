"""Changes of bills leave a trace: before they take effect, and with their outcome."""

import os
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.access.audit import entry_of
from collector.access.scope import ALL, Visitor, of_departments
from collector.billing.rows import write_facts
from collector.cli import audited as module
from collector.cli.audit import parse_since
from collector.cli.audited import actor_of, audited
from collector.core.units import DAY_MS, HOUR_MS
from collector.reports.audit import known_actions
from collector.reports.report import ReportError
from collector.settings.load import load_settings
from collector.settings.model import Settings, StoreSettings
from collector.store.clickhouse import Store, StoreUnreachableError
from tests.billing.stored import a_past, write_all
from tests.billing.test_commands import MONTH, settings_of
from tests.commands import run_command
from tests.store.running import Running

TRACE = "SELECT action, target, outcome, version FROM lynceus.audit_entry FINAL ORDER BY at"


def entries(*arguments: str) -> list[dict[str, Any]]:
    """What `lynceus audit` prints."""
    done = run_command("audit", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = msgspec.json.decode(done.stdout)["rows"]
    return rows


def test_changes_of_bills_are_recorded_with_actor_and_outcome(store: Store, engine: Running, tmp_path: Path) -> None:
    """Also a change that is refused; what only reads leaves nothing."""
    write_all(store, a_past(1))
    config = ("--config", str(settings_of(engine, tmp_path)))
    run_command("reprice", *MONTH, *config, "--dry-run")
    run_command("period", "list", *config)
    assert store.query_rows(TRACE) == []

    run_command("period", "lock", "2026-10", *config)
    run_command("reprice", *MONTH, *config, "--as", "anna")
    run_command("period", "correct", *config)

    found = entries(*config)
    assert [(row["action"], row["target"], row["outcome"]) for row in reversed(found)] == [
        ("lock", "2026-10", "failed"),
        ("reprice", "2026-11-01 to 2026-11-23", "ok"),
        ("correct", "locked months", "ok"),
    ]
    assert {(row["via"], row["scope"], row["times"], row["address"]) for row in found} == {("local", "all", 1, "")}
    assert found[1]["actor"] == f"anna ({found[0]['actor']})"
    assert found[2]["detail"].startswith("2026-10 is not locked")
    assert [row["action"] for row in entries(*config, "--who", "ANNA")] == ["reprice"]
    assert [row["action"] for row in entries(*config, "--action", "lock", "--action", "correct", "--top", "1")] == [
        "correct"
    ]
    table = run_command("audit", *config).stdout
    assert max(map(len, table.splitlines())) <= 80


def test_what_visitors_did_is_listed_beside_it(store: Store, engine: Running, tmp_path: Path) -> None:
    """With hostile names as they are, but harmless; a visitor without a name is known by the address."""
    anna = Visitor("=anna\x1b[2J", of_departments(["maps"]), "token")
    write_facts(
        store,
        [
            entry_of("read", "/cost", visitor=anna, address="10.0.0.1", outcome="200"),
            entry_of("refuse", "/cost", address="10.0.0.9", outcome="401"),
            entry_of("sign_in", "/sign-in", visitor=Visitor("", ALL, "open"), outcome="200"),
        ],
    )
    config = ("--config", str(settings_of(engine, tmp_path)))

    csv, table = (run_command("audit", "--format", form, *config).stdout for form in ("csv", "table"))
    assert "'=anna\\x1b[2J,token,department maps,10.0.0.1,read,/cost,200," in csv
    assert "10.0.0.9" in table
    assert "(unknown)" in table
    assert "\x1b" not in csv + table


def test_a_change_that_is_cut_short_stays_as_begun(store: Store, engine: Running, tmp_path: Path) -> None:
    """The begin is in the store before the change."""
    settings = load_settings(settings_of(engine, tmp_path))
    with audited(settings, "lock", "2026-10"):
        assert store.query_rows(TRACE) == [("lock", "2026-10", "begun", 1)]
    assert store.query_rows(TRACE) == [("lock", "2026-10", "ok", 2)]


def test_an_interrupted_change_is_a_failed_one(store: Store, engine: Running, tmp_path: Path) -> None:
    """Ctrl-C has no words of its own."""
    with pytest.raises(KeyboardInterrupt), audited(load_settings(settings_of(engine, tmp_path)), "lock", "2026-10"):
        raise KeyboardInterrupt
    assert store.query_rows("SELECT outcome, detail FROM lynceus.audit_entry FINAL") == [
        ("failed", "KeyboardInterrupt")
    ]


def test_an_outcome_that_cannot_be_recorded_is_reported(
    store: Store, engine: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The change has been made; the command must not look as if it had failed."""

    def fail(*_: object) -> None:
        raise StoreUnreachableError("down")

    with audited(load_settings(settings_of(engine, tmp_path)), "lock", "2026-10"):
        monkeypatch.setattr(module, "write_facts", fail)
    assert "the audit log has this change as begun, not as ok" in capsys.readouterr().err
    assert store.query_rows(TRACE) == [("lock", "2026-10", "begun", 1)]


def test_what_needs_no_store_goes_on_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A token must be revocable while the store is down; a bill cannot change then anyway."""
    away = Settings(store=StoreSettings(url="http://127.0.0.1:9"))
    with audited(away, "revoke_token", "anna", needed=False):
        pass
    assert "not in the audit log: the store does not answer" in capsys.readouterr().err


def test_a_user_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in most containers."""
    assert actor_of("").endswith(f"@{socket.gethostname()}")
    monkeypatch.setattr(os, "getuid", lambda: 64321)
    assert actor_of("anna") == f"anna (64321@{socket.gethostname()})"


def test_times_and_actions_are_read_or_named() -> None:
    """As every option."""
    now = 100 * DAY_MS
    assert parse_since("7d", now) == 93 * DAY_MS
    assert parse_since("12h", now) == now - 12 * HOUR_MS
    assert parse_since("1970-01-03", now) == 2 * DAY_MS
    with pytest.raises(ReportError, match="--since: invalid day 'week'"):
        parse_since("week", now)
    with pytest.raises(ReportError, match="--action steal: unknown, expected one of read, query"):
        known_actions(["steal"])
