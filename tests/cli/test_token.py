"""`lynceus token` as a user types it: the token alone on standard output, the rest in words."""

import shlex
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from collector.access.scope import ALL, METRICS, Visitor, of_departments
from collector.access.tokens import TokenFiles, hash_of, parse_tokens
from collector.cli.main import app
from collector.connect import ExternalError
from collector.reports.report import ReportError
from tests.commands import run_command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with a file of tokens, and a store that does not answer."""
    path = tmp_path / "lynceus.yaml"
    tokens = tmp_path / "tokens.yaml"
    path.write_text(f"access: {{token_files: [{tokens}]}}\nstore: {{url: 'http://127.0.0.1:9'}}\n", encoding="utf-8")
    return path


def run(config: Path, line: str) -> Result:
    """The outcome of a command as it is typed; what it raises is raised."""
    return CliRunner().invoke(
        app, ["token", *shlex.split(line)], env={"LYNCEUS_CONFIG": str(config)}, catch_exceptions=False
    )


def visitors(config: Path) -> TokenFiles:
    files = TokenFiles([config.parent / "tokens.yaml"])
    files.look()
    return files


def test_a_token_is_made_once_and_printed_alone(config: Path) -> None:
    """So that `TOKEN=$(lynceus token create …)` works."""
    for line, scope in (
        ("a --scope all", ALL),
        ("m --scope metrics", METRICS),
        ("d --department maps --department autonomy", of_departments(["autonomy", "maps"])),
    ):
        done = run(config, f"create {line}")
        token = done.stdout.strip()
        found = visitors(config).visitor(token)
        assert found is not None
        assert (done.stdout, found.scope, found.name) == (f"{token}\n", scope, line[0])
        assert token not in done.stderr
        assert f"{line[0]} may read {scope}, until " in done.stderr
        assert "not in the audit log: the store does not answer" in done.stderr


def test_a_token_ends_after_90_days_unless_that_is_meant(config: Path) -> None:
    """A forgotten one does not work for ever."""
    run(config, "create a --scope all")
    assert "for ever" in run(config, "create b --scope all --expires never").stderr
    first, second = msgspec.json.decode(run(config, "list --format json").stdout)["rows"]
    assert (first["state"], second["state"], second["ends"]) == ("90 days left", "valid", "never")


def test_the_list_has_no_secret(config: Path) -> None:
    """Not even a hash; it fits a terminal."""
    token = run(config, "create anna@example.com --department maps").stdout.strip()
    shown = run_command("token", "list", "--config", str(config)).stdout
    assert "anna@example.com" in shown
    assert token not in shown
    assert hash_of(token) not in shown


def test_an_entry_can_be_made_without_a_file(tmp_path: Path) -> None:
    """For a Secret that another program writes."""
    done = run_command("token", *["create", "a", "--scope", "metrics", "--print-entry", "--expires", "never"])
    [entry] = parse_tokens(done.stderr.encode(), "stderr")
    assert (entry.name, entry.scope, entry.sha256) == ("a", "metrics", hash_of(done.stdout.strip()))


def test_a_token_is_replaced_while_the_old_one_still_works(config: Path) -> None:
    """With the same rights; then the old one can be withdrawn."""
    old = run(config, "create grafana --department maps").stdout.strip()
    done = run(config, "rotate grafana --overlap 3d")
    new = done.stdout.strip()
    assert "grafana has a new token, until " in done.stderr
    known = visitors(config)
    assert known.visitor(old) == known.visitor(new) == Visitor("grafana", of_departments(["maps"]), "token")
    assert "grafana has 1 token now" in run(config, "revoke grafana --older").stderr
    assert visitors(config).visitor(old) is None
    assert visitors(config).visitor(new) is not None
    assert "grafana has no token now" in run(config, "revoke grafana").stderr
    assert visitors(config).visitor(new) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("create a", "give either --scope or --department"),
        ("create a --scope all --department maps", "give either --scope or --department"),
        ("create 'a b' --scope all", "name: must be letters, digits"),
        ("create a --department ''", "departments: one has no name"),
        ("create a --scope all --expires 1w", "--expires: invalid time '1w'"),
        ("rotate a", "a: has no token in this file; there are none"),
        ("revoke a", "a: has no token in this file; there are none"),
    ],
)
def test_wrong_use_is_one_sentence(config: Path, line: str, words: str) -> None:
    """With the option that is wrong."""
    with pytest.raises(ReportError, match=words):
        run(config, line)


def test_settings_without_a_file_name_the_remedy() -> None:
    """The file is not guessed: the collector would not read it."""
    for command in (("list",), ("revoke", "a"), ("create", "a", "--scope", "all")):
        done = run_command("token", *command)
        assert (done.returncode, "access.token_files: names no file; add one" in done.stderr) == (2, True)


def test_a_read_only_file_names_the_remedy(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a mounted Secret is."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("collector.access.token_file.tempfile.NamedTemporaryFile", refuse)
    with pytest.raises(ExternalError, match=r"Read-only file system; if it is a mounted Secret, .* --print-entry"):
        run(config, "create a --scope all")


def test_lists_name_every_file_and_what_is_wrong(config: Path, tmp_path: Path) -> None:
    """A file may be given, else all of the settings are read."""
    other, third = tmp_path / "other.yaml", tmp_path / "third.yaml"
    other.write_text("tokens: 7", encoding="utf-8")
    with pytest.raises(ReportError, match=r"other\.yaml"):
        run(config, f"list --file {other}")
    run(config, f"create a --scope all --file {third}")
    assert "third.yaml" in run(config, f"list --file {third} --format csv").stdout
    assert run(config, "list --format csv").stdout == "name,scope,ends,state,file\n"
