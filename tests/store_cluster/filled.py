"""Rows and users of three departments on both servers: rows in every table whose rows belong to a department."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

from collector.catalog.rollups import ROLLUPS
from collector.core.facts.bills import StatementLine
from collector.core.model import Fact
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.servers.users import READER, WantedUsers, user_of
from collector.store.servers.users_xml import users_xml
from tests.billing.stored import a_past, write_all
from tests.reports.stored import a_live_row

DEPARTMENTS = {"maps": "c1", "vision": "c2", "radar": "c3"}
"""The cluster of each department."""
PODS = 30
"""Of each department."""
NOVEMBER = 20758
"""2026-11-01, in days since 1970."""


def facts() -> Sequence[Fact]:
    """Pods of three departments and three clusters, 90 of them."""
    return [
        fact
        for department, cluster in DEPARTMENTS.items()
        for fact in a_past(PODS, department=department, cluster=cluster)
    ]


def owned_facts() -> Sequence[Fact]:
    """The same, and rows of the other tables that have departments."""
    live = [
        a_live_row(f"{department}-live-{i}", "lock", f"lock-of-{department}", department=department, cluster=cluster)
        for department, cluster in DEPARTMENTS.items()
        for i in range(PODS)
    ]
    return [*facts(), *live, *(a_line(department) for department in DEPARTMENTS)]


def a_line(department: str) -> StatementLine:
    """A department's third of a fee."""
    return StatementLine(
        month=NOVEMBER,
        run=1,
        currency="USD",
        department=department,
        kind="fee",
        what="support",
        book="book",
        cluster="",
        product="",
        version=1,
        basis="even",
        weight=Decimal(1),
        whole=Decimal(3),
        amount=Decimal(1),
        rule="fee",
    )


def fill(store: Store, facts: Sequence[Fact]) -> None:
    """Writes facts and their rollups."""
    write_all(store, facts)
    for rollup in ROLLUPS:
        roll_up(store, rollup)


def users_of_departments(folder: Path) -> tuple[str, str]:
    """
    For each server the file of users that the product makes, with passwords in the folder.

    On the second server a table that every server has whole is one over the first, so it has no rows to hide there.
    """
    passwords = folder / "passwords"
    passwords.mkdir()
    for user in ("department_writer", READER, *map(user_of, DEPARTMENTS)):
        (passwords / user).write_text(f"secret-of-{user}", encoding="utf-8")
    first = users_xml(WantedUsers(tuple(DEPARTMENTS), "prod", writer="department_writer", passwords=passwords))
    second = ET.fromstring(first)
    for database in second.findall("users/*/databases/lynceus"):
        for table in [table for table in database if not table.tag.endswith("_local")]:
            database.remove(table)
    return first, ET.tostring(second, encoding="unicode")
