"""`lynceus token`: makes, lists, replaces and withdraws the tokens of visitors."""

import contextlib
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec.structs import replace

from collector.access import token_file
from collector.access.tokens import TokenEntry, TokenListError, entry_problem, parse_tokens, write_tokens
from collector.cli.audited import audited
from collector.cli.console import out, report_step
from collector.cli.options import Actor, Config, OutputFormat
from collector.connect import ExternalError
from collector.reports.render import print_report
from collector.reports.report import Report, ReportError
from collector.settings.load import load_settings
from collector.settings.model import Settings

NO_HASH = "0" * 64
"""Stands for a hash until there is one."""

app = typer.Typer(no_args_is_help=True, help="Tokens for visitors of pages, API, metrics and the embedded store.")

Name = Annotated[str, typer.Argument(help="Whose token it is, like grafana or anna@example.com.")]
File = Annotated[
    Path | None, typer.Option("--file", help="File of tokens.", show_default="the first of access.token_files")
]
Ends = Annotated[str, typer.Option("--expires", help="Days like 90d, a date like 2027-03-01, or never.")]


@app.command("create")
def create(
    name: Name,
    scope: Annotated[
        Literal["all", "metrics"] | None, typer.Option(help="Everything, or metrics alone.", show_default=False)
    ] = None,
    department: Annotated[
        list[str] | None, typer.Option(help="Department whose rows may be read; repeatable.", show_default=False)
    ] = None,
    expires: Ends = f"{token_file.USUAL_DAYS}d",
    print_entry: Annotated[
        bool, typer.Option("--print-entry", help="Write the entry to standard error instead of the file.")
    ] = False,
    file: File = None,
    config: Config = None,
    actor: Actor = "",
) -> None:
    """
    Make a token, and print it: this once, since only its hash is kept. A running collector knows it within seconds.

    Give --scope or --department.
    """
    like = TokenEntry(name, NO_HASH, scope or "", tuple(department or ()), _end(expires, "--expires"))
    if problem := entry_problem(like):
        raise ReportError(_option_of(problem))
    token, entry = token_file.new_token(like)
    if print_entry:
        report_step(write_tokens([entry]).decode().rstrip())
    else:
        settings = load_settings(config)
        target = _file(settings, file)
        with (
            audited(settings, "create_token", f"{name}: {entry.visitor.scope}", actor, needed=False),
            _remedies(target),
        ):
            token_file.change_file(target, lambda entries: token_file.added(entries, entry))
        report_step(f"{target}: {name} may read {entry.visitor.scope}{_until(entry)}")
    _print_secret(token)


@app.command("rotate")
def rotate(
    name: Name,
    overlap: Annotated[str, typer.Option(help="How long the old token still works, like 7d.")] = "7d",
    expires: Ends = f"{token_file.USUAL_DAYS}d",
    file: File = None,
    config: Config = None,
    actor: Actor = "",
) -> None:
    """Make a new token with the rights of the one that has this name, and print it; the old one ends soon."""
    settings, today = load_settings(config), _today()
    until, end = _end(overlap, "--overlap") or date.max, _end(expires, "--expires")
    target, token = _file(settings, file), ""

    def change(entries: token_file.Entries) -> token_file.Entries:
        nonlocal token
        token, new = token_file.new_token(replace(token_file.newest(entries, name), expires=end))
        return token_file.rotated(entries, new, until, today)

    with audited(settings, "rotate_token", name, actor, needed=False), _remedies(target):
        after = token_file.change_file(target, change)
    report_step(f"{target}: {name} has a new token{_until(after[-1])}; the old one ends on {until}")
    _print_secret(token)


@app.command("revoke")
def revoke(
    name: Name,
    older: Annotated[bool, typer.Option("--older", help="Keep the newest token of this name.")] = False,
    file: File = None,
    config: Config = None,
    actor: Actor = "",
) -> None:
    """Withdraw all tokens of a name. A running collector refuses them within seconds."""
    settings = load_settings(config)
    target = _file(settings, file)
    with audited(settings, "revoke_token", name, actor, needed=False), _remedies(target):
        after = token_file.change_file(target, lambda entries: token_file.revoked(entries, name, older=older))
    left = sum(entry.name == name for entry in after)
    report_step(f"{target}: {name} has {left or 'no'} token{'s' if left > 1 else ''} now")


@app.command("list")
def list_tokens(file: File = None, output_format: OutputFormat = "table", config: Config = None) -> None:
    """List the tokens: whose they are, what they may read and when they end. Their hashes stay in the file."""
    settings = load_settings(config)
    files = [file] if file else [*map(_path, settings.access.token_files)] or [_file(settings, None)]
    rows: list[tuple[object, ...]] = []
    for each in files:
        with _remedies(each):
            entries = parse_tokens(each.read_bytes(), str(each)) if each.exists() else ()
        rows += [_row(entry, each, _today()) for entry in entries]
    report = Report("Tokens", ("name", "scope", "ends", "state", "file"), rows)
    print_report(report, output_format, out)


def _row(entry: TokenEntry, file: Path, today: date) -> tuple[object, ...]:
    left = (entry.expires - today).days if entry.expires else None
    state = "valid" if left is None else f"{left} days left" if left > 0 else "ended"
    return (entry.name, str(entry.visitor.scope), str(entry.expires or "never"), state, str(file))


def _file(settings: Settings, file: Path | None) -> Path:
    if file is None and not settings.access.token_files:
        raise ReportError(
            "access.token_files: names no file; add one to the settings, like [/var/lib/lynceus/tokens.yaml], "
            "or give --file; `create --print-entry` needs none"
        )
    return file or _path(settings.access.token_files[0])


def _path(name: str) -> Path:
    return Path(name).expanduser()


@contextlib.contextmanager
def _remedies(file: Path) -> Iterator[None]:
    """Turns what fails about a file into one sentence."""
    try:
        yield
    except TokenListError as error:
        raise ReportError(str(error)) from None
    except OSError as error:
        raise ExternalError(
            f"{file}: cannot be changed: {error.strerror}; if it is a mounted Secret, make the entry with "
            "`lynceus token create … --print-entry` and change the Secret"
        ) from None


def _end(text: str, option: str) -> date | None:
    try:
        return token_file.parse_end(text, _today(), option)
    except ValueError as error:
        raise ReportError(str(error)) from None


def _option_of(problem: str) -> str:
    """The problem of an entry, in words of the options."""
    return "give either --scope or --department" if problem.startswith("scope:") else problem


def _until(entry: TokenEntry) -> str:
    return f", until {entry.expires - timedelta(days=1)}" if entry.expires else ", for ever"


def _today() -> date:
    return datetime.now(UTC).date()


def _print_secret(token: str) -> None:
    """To standard output, where nothing else is, so that it can be piped; the consoles would take it out."""
    sys.stdout.write(f"{token}\n")
