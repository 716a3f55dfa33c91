"""What a restricted user is found to read; tests/store_cluster/test_probe.py asks two servers as each user."""

import pytest

from collector.store.clickhouse import StoreRefusedError
from collector.store.servers.probe import RestrictedUser, blind_spots, leaks
from tests.store.servers.canned import CannedStore

MAPS, STRANGER = RestrictedUser("maps", ("maps",)), RestrictedUser("stranger", ())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("FROM lynceus.pod_cost WHERE NOT has", "rows of other departments in lynceus.pod_cost"),
        ("FROM lynceus.pod_cost_local WHERE NOT has", "rows of other departments in lynceus.pod_cost_local"),
        ("FROM lynceus.cost_current WHERE NOT has", "rows of other departments in lynceus.cost_current"),
        ("FROM lynceus.live_state_local LIMIT", "lynceus.live_state_local"),
        ("SELECT whole FROM lynceus.statement_line", "lynceus.statement_line.whole"),
        ("FROM system.query_log", "system.query_log"),
    ],
)
def test_what_a_department_must_not_read_is_named(query: str, found: str) -> None:
    """Rows, tables, columns and the server's own, each by its name."""
    assert leaks(CannedStore({query: [(1,)]}), MAPS) == [found]


def test_a_user_without_departments_must_only_read_no_row() -> None:
    """It may be anybody's, with rights on the server that Lynceus does not look at."""
    assert leaks(CannedStore({"system.": [(1,)], "SELECT whole": [(1,)]}), STRANGER) == []
    assert leaks(CannedStore({"lynceus.pod_cost WHERE": [(1,)]}), STRANGER) == [
        "rows of other departments in lynceus.pod_cost"
    ]


@pytest.mark.parametrize("code", [497, 60, 81, 182])
def test_what_is_refused_is_not_read(code: int) -> None:
    """No right, no such table, or a table that ClickHouse does not read with a policy."""
    assert leaks(CannedStore({"lynceus": StoreRefusedError("refused", code)}), MAPS) == []


def test_what_is_not_known_is_an_error() -> None:
    """A query that took too long proves nothing."""
    with pytest.raises(StoreRefusedError):
        leaks(CannedStore({"lynceus": StoreRefusedError("too long", 159)}), MAPS)


def test_a_department_that_sees_nothing_is_found() -> None:
    """Where a reader of everything finds its rows."""
    everything = CannedStore({"lynceus.pod_cost WHERE has": [(1,)], "lynceus.cost_daily WHERE has": [(1,)]})

    assert blind_spots(CannedStore({"lynceus.pod_cost WHERE": [(1,)]}), everything, MAPS) == ["cost_daily"]
    assert blind_spots(CannedStore({}), CannedStore({}), MAPS) == []
