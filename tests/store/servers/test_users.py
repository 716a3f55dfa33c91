"""The users of a ClickHouse server as text; tests/store_cluster/test_users.py logs in as each of them."""

import hashlib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from collector.access.shared_tables import CLOSED, SHARED
from collector.access.table_filters import OWNED_TABLES
from collector.store.servers.users import WantedUsers, policed_tables, problem, user_of
from collector.store.servers.users_sql import identifier, statements, text, users_sql
from collector.store.servers.users_xml import unfit_name, users_xml
from tests.store.running import Running

TWO = ("autonomy", "maps")
_ODD = "' \" ` \\ ; -- /* */ \\' \\\\ \\` '' `` {x} {x:String} $1 %s ? # @ @% ( ) = < > & | ~ ! ^ , . : / [ ] é 漢 🚲 0 * _ -"
_WHOLE = """
x' OR '1'='1
x'; DROP USER lynceus; --
x` ON lynceus.pod_cost USING 1 --
x') OR (1
maps' AS PERMISSIVE TO ALL --
a b
 maps
'
`
\\
''
a\\'; --
currentUser()
ALL EXCEPT lynceus
"""
_WORDS = "all none reader others everything SELECT NULL"
HOSTILE = (*(f"a{odd}b" for odd in _ODD.split()), *_WHOLE.strip("\n").split("\n"), *_WORDS.split())


def plain(sql: str) -> list[str]:
    """The statements without comments."""
    lines = [line for line in sql.splitlines() if not line.startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";\n") if statement.strip()]


@pytest.mark.parametrize("cluster", ["", "main", "{cluster}"])
def test_every_statement_is_one_that_clickhouse_knows(cluster: str, running: Running) -> None:
    """By the engine's own parser, which refuses two statements in one; on a cluster each goes to all servers."""
    wanted = WantedUsers((*TWO, *HOSTILE), cluster, others=("default",), removed=("radar",))
    sql = list(statements(wanted))
    reader = running.reader()

    for statement in sql:
        (row,) = reader.query_rows("SELECT formatQuerySingleLine({sql:String})", {"sql": statement})
        assert (" ON CLUSTER " in str(row[0])) == bool(cluster) or statement.startswith("SELECT throwIf"), row
    reader.close()


def test_hostile_names_stay_names(running: Running) -> None:
    """Sixty of them: as a name and as a text the engine reads back what was given."""
    reader = running.reader()
    assert len(set(HOSTILE)) >= 60

    for name in HOSTILE:
        assert reader.query_rows(f"SELECT {text(name)}") == [(name,)]
        assert list(reader.query_named(f"SELECT 1 AS {identifier(name)}")[0]) == [name]
    reader.close()


def owned(cluster: str) -> list[str]:
    return [table.name for table in policed_tables(cluster) if table.group == "owned"]


def test_every_table_has_its_policies() -> None:
    """On a cluster those of the shards, since a Distributed table with a policy cannot be read."""
    assert "pod_cost_local" in owned("main")
    assert "pod_cost" not in owned("main")
    for cluster in ("", "main"):
        sql = plain(users_sql(WantedUsers(TWO, cluster)))
        for table in policed_tables(cluster):
            found = [line for line in sql if "ROW POLICY" in line and f" ON lynceus.{table.name} " in line]
            own = ["lynceus_dept_autonomy", "lynceus_dept_maps"] if table.group == "owned" else []
            assert [line.split("`")[1] for line in found] == ["lynceus_rows", *own, "lynceus_others"]
            assert ("lynceus_dept_maps" in found[-1]) == (table.group != "closed")
    assert len(policed_tables("")) == len({*OWNED_TABLES, *SHARED, *CLOSED})


def test_a_user_without_a_policy_reads_nothing() -> None:
    """All but those who are named; and each department has only its own rows, whatever a policy beside it permits."""
    (others,) = (
        line
        for line in plain(users_sql(WantedUsers(TWO, others=("default",))))
        if "others` ON lynceus.pod_cost" in line
    )

    assert "USING 0 AS RESTRICTIVE TO ALL EXCEPT `lynceus`, `default`, lynceus_everything, " in others
    assert "`lynceus_dept_autonomy`, `lynceus_dept_maps`" in others
    own = [line for line in plain(users_sql(WantedUsers(TWO))) if "POLICY OR REPLACE `lynceus_dept_maps`" in line]
    assert all("USING department IN ('maps') AS RESTRICTIVE TO `lynceus_dept_maps`" in line for line in own)


def test_rows_are_hidden_before_rights_are_given() -> None:
    """A department's user gets its role when every table has its policies."""
    sql = plain(users_sql(WantedUsers(TWO)))
    last_policy = max(i for i, line in enumerate(sql) if "ROW POLICY" in line)

    assert all(i > last_policy for i, line in enumerate(sql) if line.startswith("GRANT"))


def test_a_removed_department_reads_nothing_at_once() -> None:
    """The policy for all others takes it before its own policy is gone."""
    sql = plain(users_sql(WantedUsers(("maps",), removed=("radar",))))
    of_table = [line for line in sql if " ON lynceus.pod_cost" in line and "POLICY" in line]

    assert of_table[-1] == "DROP ROW POLICY IF EXISTS `lynceus_dept_radar` ON lynceus.pod_cost"
    assert "lynceus_dept_radar" not in of_table[-2]
    assert "DROP USER IF EXISTS `lynceus_dept_radar`" in sql


def test_the_same_users_are_made_by_the_same_text() -> None:
    """Nothing in it is random, so a second run finds everything as it is."""
    assert users_sql(WantedUsers(TWO)) == users_sql(WantedUsers(TWO))
    repeatable = ("IF NOT EXISTS", "OR REPLACE", "ALTER", "GRANT", "IF EXISTS")
    assert all(any(word in line for word in repeatable) for line in plain(users_sql(WantedUsers(TWO))))


def test_passwords_are_hashed(tmp_path: Path) -> None:
    """From a file of the user's name; without one the user is made and cannot log in."""
    (tmp_path / user_of("maps")).write_text("secret\n")
    wanted = WantedUsers((*TWO, "../x"), passwords=tmp_path)
    digest = hashlib.sha256(b"secret").hexdigest()

    for made in (users_sql(wanted), users_xml(WantedUsers(TWO, passwords=tmp_path))):
        assert digest in made
        assert "secret" not in made
        assert "0" * 64 in made
    assert f"ALTER USER `lynceus_dept_maps` IDENTIFIED WITH sha256_hash BY '{digest}'" in users_sql(wanted)


def test_a_file_of_users_has_the_same_rows_and_rights() -> None:
    """For servers whose users are in files: each user's filters and grants are those of the SQL."""
    root = ET.fromstring(users_xml(WantedUsers(TWO, "main")))
    maps = root.find("users/lynceus_dept_maps")
    assert maps is not None
    filters = {table.tag: table.findtext("filter") for table in maps.findall("databases/lynceus/*")}
    grants = [str(query.text).removeprefix("GRANT ") for query in maps.findall("grants/query")]

    assert filters == dict.fromkeys(owned("main"), "department IN ('maps')")
    (granted,) = (
        line for line in plain(users_sql(WantedUsers(TWO, "main"))) if "lynceus_department WITH REPLACE" in line
    )
    assert all(grant in granted for grant in grants)
    assert {user.tag for user in root.findall("users/*")} == {
        "lynceus",
        "lynceus_reader",
        "lynceus_dept_autonomy",
        "lynceus_dept_maps",
    }
    assert root.findtext("users/lynceus/databases/lynceus/pod_cost_local/filter") == "1"


def test_a_name_that_no_element_can_have_needs_sql() -> None:
    """It is named."""
    assert unfit_name(WantedUsers(("maps", "a b"))) == "lynceus_dept_a b"
    assert unfit_name(WantedUsers(TWO)) == ""


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (WantedUsers(()), "names no department"),
        (WantedUsers(("maps", "")), "cannot be the name"),
        (WantedUsers(("a\nb",)), "cannot be the name"),
        (WantedUsers(("maps",), removed=("maps",)), "to be made and to be removed"),
        (WantedUsers(("maps",), others=("lynceus_dept_maps",)), "lynceus_dept_maps would read every row"),
        (WantedUsers(("maps",), writer="lynceus_reader"), "lynceus_reader would read every row"),
        (WantedUsers(TWO), ""),
    ],
)
def test_names_that_would_open_a_door_are_refused(wanted: WantedUsers, words: str) -> None:
    """Before any text is made."""
    assert words in problem(wanted)
    assert bool(words) == bool(problem(wanted))
