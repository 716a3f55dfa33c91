"""Commands with a department's token print the department's rows alone, with the sums of a store that has no others."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.cli.main import app
from collector.connect import VARIABLE, ExternalError
from collector.reports.report import NotPermittedError
from collector.settings.model import SettingsError
from tests.store.embedded.tenants import TENANTS, Stores, canary
from tests.store.running import Running

NOVEMBER = ("--month", "2026-11")
PRINTED = (
    ("report", "cost", *NOVEMBER, "--format", "json"),
    ("report", "cost", *NOVEMBER, "--by", "department,template,workflow,queue,step", "--format", "csv"),
    ("report", "cost", *NOVEMBER, "--by", "week,product", "--exact"),
    ("report", "cost", *NOVEMBER, "--where", "department=OTHER"),
    ("report", "cost", *NOVEMBER, "--run", "1"),
    ("report", "cost", *NOVEMBER, "--top", "1", "--sort", "waste"),
    ("report", "cost", *NOVEMBER, "--compare", "2026-10", "--by", "template"),
    ("report", "cost", *NOVEMBER, "--compare", "before", "--format", "json"),
    ("report", "success", *NOVEMBER, "--by", "department"),
    ("report", "success", *NOVEMBER, "--where", "department=OTHER", "--format", "json"),
    ("report", "queue", *NOVEMBER, "--by", "department"),
    ("report", "queue", *NOVEMBER, "--format", "csv"),
    ("report", "steps", *NOVEMBER, "--workflow", "CANARYw1"),
    ("report", "savings", *NOVEMBER, "--node-type", "x", "--node-size", "2-4Gi", "--node-price", "1"),
    ("sql", "SELECT department, count() FROM pod_cost GROUP BY department"),
    ("sql", "SELECT * FROM step_run ORDER BY ALL", "--format", "CSV"),
)
EXPORTED = (
    ("export", "pod_cost", *NOVEMBER, "--format", "csv"),
    ("export", "cost_current", *NOVEMBER, "--format", "json"),
    ("export", "workflow_run", *NOVEMBER, "--format", "csv"),
    ("export", "pod_run", *NOVEMBER, "--format", "json"),
    ("export", "focus", *NOVEMBER, "--format", "csv"),
)
NOT_FOR_DEPARTMENTS = (
    ("period", "list"),
    ("bill", "show", "--month", "2026-11"),
    ("export", "bill_line", *NOVEMBER, "--format", "csv", "--out", "x.csv"),
    ("export", "node_run", *NOVEMBER, "--format", "csv", "--out", "x.csv"),
    ("sql", "SELECT total FROM period"),
)


def run(store: Running, arguments: tuple[str, ...], token: str) -> str:
    """What a command prints with a token; its error if it fails."""
    env = {VARIABLE: token, "COLUMNS": "200"}
    done = CliRunner().invoke(app, [*arguments, "--url", store.url], env=env)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        if not isinstance(done.exception, NotPermittedError | ExternalError):
            raise done.exception
        return f"{type(done.exception).__name__}: {done.exception}".replace(store.url, "STORE")
    return done.output


@pytest.mark.parametrize("tenant", [TENANTS[0], TENANTS[2]])
@pytest.mark.parametrize("arguments", PRINTED, ids=lambda arguments: " ".join(arguments)[:60])
def test_a_report_is_that_of_the_department_s_rows(stores: Stores, arguments: tuple[str, ...], tenant: str) -> None:
    """Sums, percentages, notes and errors are the same as if there were no other department."""
    other = TENANTS[1]
    words = tuple(text.replace("OTHER", other).replace("CANARY", canary(tenant)) for text in arguments)
    whole, alone = (run(store, words, stores.tokens[tenant]) for store in (stores.whole, stores.own[tenant]))

    assert sorted(whole.splitlines()) == sorted(alone.splitlines())
    assert "NotPermittedError" not in whole
    assert canary(other) not in whole
    assert "hash" not in whole or '"hash": null' in whole


@pytest.mark.parametrize("arguments", EXPORTED, ids=lambda arguments: arguments[1])
def test_a_file_has_the_department_s_rows(stores: Stores, arguments: tuple[str, ...], tmp_path: Path) -> None:
    """The same bytes as without other departments."""
    tenant, written = TENANTS[0], []
    for number, store in enumerate((stores.whole, stores.own[tenant])):
        file = tmp_path / f"{number}.out"
        run(store, (*arguments, "--out", str(file)), stores.tokens[tenant])
        written.append(sorted(file.read_bytes().splitlines()))

    assert written[0] == written[1]
    assert len(written[0]) > 10
    assert canary(TENANTS[1]).encode() not in b"".join(written[0])


@pytest.mark.parametrize("arguments", NOT_FOR_DEPARTMENTS, ids=lambda arguments: " ".join(arguments)[:40])
def test_what_needs_all_rows_is_refused(stores: Stores, arguments: tuple[str, ...]) -> None:
    """In one sentence instead of a number that leaves out others; the exit code is that of a wrong use."""
    printed = run(stores.whole, arguments, stores.tokens[TENANTS[0]])

    assert printed.startswith("NotPermittedError: not with these rights: ")
    assert "the scope of this token is some departments" in printed


def test_a_token_comes_from_a_file_or_the_environment(stores: Stores, tmp_path: Path) -> None:
    """Each refusal has its remedy, and none has the token."""
    query, file, tenant = ("sql", "SELECT count() FROM pod_cost", "--format", "CSV"), tmp_path / "token", TENANTS[0]
    file.write_text(f"{stores.tokens[tenant]}\n", encoding="utf-8")

    assert run(stores.whole, (*query, "--token-file", str(file)), "") == "40\n"
    assert "--token-file FILE, or in the environment as LYNCEUS_TOKEN" in run(stores.whole, query, "")
    wrong = run(stores.whole, query, "lyn_wrong")
    assert ("has ended or was withdrawn" in wrong, "lyn_wrong" in wrong) == (True, False)
    for text, words in (("", "is empty"), ("\xff", "is not text")):
        file.write_bytes(text.encode("latin-1"))
        with pytest.raises(SettingsError, match=words):
            run(stores.whole, (*query, "--token-file", str(file)), "")
    file.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        run(stores.whole, (*query, "--token-file", str(file)), "")
