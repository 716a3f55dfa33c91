"""`lynceus generate users`: the users of one's own ClickHouse, each with the rows of a department."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from collector.cli.console import print_line
from collector.cli.options import Config
from collector.reports.report import ReportError
from collector.settings.load import load_settings
from collector.settings.model import StoreSettings
from collector.store.servers.users import WantedUsers, problem
from collector.store.servers.users_sql import users_sql
from collector.store.servers.users_xml import unfit_name, users_xml

Names = Annotated[str, typer.Option(metavar="NAME,NAME", help="Departments that get a user, separated by commas.")]
Name = Annotated[
    list[str] | None,
    typer.Option(
        "--department", help="One department, whose name may have a comma; may be repeated.", show_default=False
    ),
]
Removed = Annotated[
    list[str] | None,
    typer.Option("--remove", metavar="DEPARTMENT", help="A department whose user is removed; may be repeated."),
]
Others = Annotated[
    str,
    typer.Option(
        "--everything",
        metavar="USER,USER",
        help="Users of the server that go on reading every row: administrators, and the one that the servers of a cluster "
        "connect as. All others but Lynceus's own read none.",
    ),
]
Passwords = Annotated[
    Path | None,
    typer.Option(help="Folder with a file for each user that holds its password.", show_default="no user can log in"),
]
OutFile = Annotated[Path, typer.Option("--out", help="File to write, or - for standard output.")]


def write_users(
    departments: Names = "",
    department: Name = None,
    remove: Removed = None,
    everything: Others = "default",
    passwords: Passwords = None,
    form: Annotated[
        Literal["sql", "xml"],
        typer.Option(
            "--format", help="sql: statements to run. xml: a file for users.d, of servers without users in SQL."
        ),
    ] = "sql",
    out: OutFile = Path("-"),
    config: Config = None,
) -> None:
    """Write the users of your own ClickHouse: the collector's, a reader of everything, and one for each department."""
    store = load_settings(config).store
    names = (*_split(departments), *(department or ()))
    wanted = WantedUsers(
        departments=tuple(dict.fromkeys(names)),
        cluster=store.cluster,
        writer=_writer(store),
        others=_split(everything),
        removed=tuple(remove or ()),
        passwords=passwords,
    )
    if why := problem(wanted):
        raise ReportError(f"--departments: {why}")
    try:
        _write(out, users_xml(_fit(wanted)) if form == "xml" else users_sql(wanted))
    except OSError as error:
        raise ReportError(f"{error.filename}: {error.strerror}") from error


def _split(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _writer(store: StoreSettings) -> str:
    """The user of the settings; `default` is in files of the server, to which no statement can give rights."""
    return "lynceus" if store.username == "default" else store.username


def _fit(wanted: WantedUsers) -> WantedUsers:
    if name := unfit_name(wanted):
        raise ReportError(f"--format xml: {name!r} cannot be the name of a user in a file; use --format sql")
    return wanted


def _write(out: Path, text: str) -> None:
    if str(out) == "-":
        sys.stdout.write(text)
        return
    out.write_text(text, encoding="utf-8")
    print_line(f"wrote {out}")
