"""
The same users for a server whose users are in files: one file for /etc/clickhouse-server/users.d.

Such a file can say which rows its own users read, and nothing about users elsewhere: what SQL says with a policy for all
others is here the server's `users_without_row_policies_can_read_rows`, which must be false.
"""

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from collector.catalog.schema import DATABASE
from collector.store.servers.users import (
    LIMITS,
    QUERIES_AN_HOUR,
    SECONDS_AN_HOUR,
    Limit,
    ServerUser,
    WantedUsers,
    policed_tables,
    users,
)
from collector.store.servers.users_sql import LOCKED_HASH, PROFILE, QUOTA

_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
HEAD = """<!-- Users of Lynceus on this server. Made by lynceus generate users; make it again after an upgrade.
     In config.d: <access_control_improvements><users_without_row_policies_can_read_rows>false</...> -->
"""


def unfit_name(wanted: WantedUsers) -> str:
    """A name that no element can have, so that its user needs SQL; empty: there is none."""
    return next((user.name for user in users(wanted) if not _NAME.fullmatch(user.name)), "")


def users_xml(wanted: WantedUsers) -> str:
    """The whole file."""
    root = ET.Element("clickhouse")
    _profile(ET.SubElement(ET.SubElement(root, "profiles"), PROFILE), LIMITS)
    interval = ET.SubElement(ET.SubElement(ET.SubElement(root, "quotas"), QUOTA), "interval")
    for name, value in {"duration": 3600, "queries": QUERIES_AN_HOUR, "execution_time": SECONDS_AN_HOUR}.items():
        ET.SubElement(interval, name).text = str(value)
    people = ET.SubElement(root, "users")
    owned = [table.name for table in policed_tables(wanted.cluster) if table.group == "owned"]
    for user in users(wanted):
        _user(ET.SubElement(people, user.name), user, owned)
    ET.indent(root)
    return HEAD + ET.tostring(root, encoding="unicode") + "\n"


def _profile(profile: ET.Element, limits: Mapping[str, Limit]) -> None:
    ET.SubElement(profile, "readonly").text = "2"
    constraints = ET.Element("constraints")
    for name, limit in limits.items():
        if limit.value:
            ET.SubElement(profile, name).text = limit.value
        if limit.bound == "most":
            constraint = ET.SubElement(constraints, name)
            ET.SubElement(constraint, "min").text = "1"
            ET.SubElement(constraint, "max").text = limit.value
        elif limit.bound == "fixed":
            ET.SubElement(ET.SubElement(constraints, name), "const")
    profile.append(constraints)


def _user(element: ET.Element, user: ServerUser, tables: Sequence[str]) -> None:
    ET.SubElement(element, "password_sha256_hex").text = user.sha256 or LOCKED_HASH
    if user.sha256:
        ET.SubElement(ET.SubElement(element, "networks"), "ip").text = "::/0"
    else:
        ET.SubElement(element, "networks")
    ET.SubElement(element, "profile").text = PROFILE if user.is_limited else "default"
    ET.SubElement(element, "quota").text = QUOTA if user.is_limited else "default"
    grants = ET.SubElement(element, "grants")
    for grant in user.grants:
        ET.SubElement(grants, "query").text = f"GRANT {grant}"
    database = ET.SubElement(ET.SubElement(element, "databases"), DATABASE)
    for table in tables:
        ET.SubElement(ET.SubElement(database, table), "filter").text = user.predicate
