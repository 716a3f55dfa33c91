"""What the audit log has of the answers of pages, API and metrics."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.core.facts.audit import AuditEntry
from tests.web.doors import ALL, MAPS, METRICS, an_app, an_entrance, ask, bearing
from tests.web.history import Store, a_workflow
from tests.web.serving import serving

FORM = {"content-type": "application/x-www-form-urlencoded"}
Log = list[AuditEntry]


@pytest.fixture
def log() -> Log:
    return []


@pytest.fixture
def address(tmp_path: Path, log: Log) -> Iterator[str]:
    with serving(an_app(an_entrance(tmp_path), Store(a_workflow()), seen=log.append)) as at:
        yield at


def test_who_saw_what_is_in_the_log(address: str, log: Log) -> None:
    """With the address, without a query and without a token."""
    ask(address, "GET", "/workflows/w1?attempt=1&rows=7", bearing(MAPS))
    ask(address, "GET", "/metrics", bearing(METRICS))
    ask(address, "GET", "/workflows/none", bearing(ALL))

    assert [(one.action, one.actor, one.scope, one.target, one.outcome) for one in log] == [
        ("read", "maps-lead", "department maps", "/workflows/w1", "ok"),
        ("read", "prometheus", "metrics", "/metrics", "ok"),
        ("read", "operator", "all", "/workflows/none", "404"),
    ]
    assert {(one.via, one.address) for one in log} == {("token", "127.0.0.1")}
    assert not [token for token in (ALL, MAPS, METRICS) if token in str(log)]


def test_who_was_refused_is_in_the_log(address: str, log: Log) -> None:
    """With the name where it is known."""
    ask(address, "GET", "/api/v1/live")
    ask(address, "GET", "/metrics", bearing(MAPS))
    ask(address, "POST", "/sign-in", FORM, b"token=wrong")

    assert [(one.action, one.actor, one.target, one.outcome) for one in log] == [
        ("refuse", "", "/api/v1/live", "401"),
        ("refuse", "maps-lead", "/metrics", "403"),
        ("refuse", "", "/sign-in", "401"),
    ]


def test_signing_in_and_out_is_in_the_log(address: str, log: Log) -> None:
    """By whose token."""
    ask(address, "POST", "/sign-in", FORM, f"token={MAPS}".encode())
    ask(address, "POST", "/sign-out", {"cookie": f"lynceus_token={MAPS}"})
    ask(address, "POST", "/sign-out")

    assert [(one.action, one.actor) for one in log] == [("sign_in", "maps-lead"), ("sign_out", "maps-lead")]


def test_probes_and_files_are_not_in_the_log(address: str, log: Log) -> None:
    """They show no name and no figure, and come each few seconds."""
    for path in ("/healthz", "/readyz", "/static/live.js", "/static/none", "/sign-in"):
        for token in ("", ALL):
            ask(address, "GET", path, bearing(token))

    assert log == []
