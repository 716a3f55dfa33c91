"""The official client reads and writes Leases as Kubernetes does, each request once and within its time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.kube import lease_requests
from collector.kube.lease import ShardLease
from collector.kube.lease_requests import (
    LeaseConflictError,
    LeaseFailedError,
    LeaseRefusedError,
    LeaseRequests,
    in_own_cluster,
)
from tests.kube.lease_api import PREFIX, LeaseApi

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[LeaseApi]:
    with LeaseApi(tmp_path).serving() as api:
        yield api


@pytest.fixture
def requests(api: LeaseApi) -> LeaseRequests:
    found = in_own_cluster("", api.account, api.environment)
    assert found is not None
    return found


def test_a_lease_is_created_read_renewed_and_released(requests: LeaseRequests, api: LeaseApi) -> None:
    """What is written is what is read, in the pod's own namespace; a field that the client does not know changes nothing."""
    assert requests.read("shard") is None
    made = requests.write("shard", ShardLease("a", transitions=3))
    assert made == requests.read("shard")
    assert made is not None
    assert (made.holder, made.version, made.duration_s, made.transitions) == ("a", "1", 8, 3)
    renewed = requests.write("shard", made)
    assert renewed == replace(made, version="2")
    released = requests.write("shard", replace(made, holder="", version="2"))
    assert released is not None
    assert released.holder == ""
    assert {path for method, path, _ in api.requests if method != "POST"} == {f"{PREFIX}lynceus/leases/shard"}


def test_an_old_version_is_a_conflict(requests: LeaseRequests) -> None:
    """Also a second creation."""
    requests.write("shard", ShardLease("a"))
    with pytest.raises(LeaseConflictError):
        requests.write("shard", ShardLease("b"))
    with pytest.raises(LeaseConflictError):
        requests.write("shard", ShardLease("b", version="77"))


def test_a_deleted_lease_is_none(requests: LeaseRequests) -> None:
    """Its holder makes it again."""
    assert requests.write("shard", ShardLease("a", version="5")) is None


def test_a_missing_right_is_named(requests: LeaseRequests, api: LeaseApi) -> None:
    """With the verb, the namespace, and what to grant."""
    api.status = 403
    with pytest.raises(LeaseRefusedError, match=r"to get shard in namespace lynceus .*grant get, create and update"):
        requests.read("shard")


def test_a_missing_namespace_is_named(api: LeaseApi) -> None:
    """A typing error in the settings would show nowhere else."""
    requests = LeaseRequests("nowhere", api.account, api.environment)
    api.status = 404
    with pytest.raises(LeaseRefusedError, match="no namespace nowhere"):
        requests.write("shard", ShardLease("a"))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failed_request_is_not_repeated(requests: LeaseRequests, api: LeaseApi, status: int) -> None:
    """The client itself would wait for as long as a header says."""
    api.status = status
    with pytest.raises(LeaseFailedError, match=str(status)):
        requests.read("shard")
    assert len(api.requests) == 1


def test_an_answer_that_does_not_come_is_a_failure(
    requests: LeaseRequests, api: LeaseApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hanging server costs its time limit, and the next request goes over another connection."""
    requests.read("shard")
    monkeypatch.setitem(lease_requests._ONCE, "_request_timeout", (0.2, 0.2))
    api.hangs.clear()
    with pytest.raises(LeaseFailedError, match="no answer"):
        requests.read("shard")
    api.hangs.set()
    assert requests.read("shard") is None


def test_a_new_token_is_read_after_the_old_one_is_refused(requests: LeaseRequests, api: LeaseApi) -> None:
    """Not a minute later: a Lease would be lost by then."""
    requests.read("shard")
    (api.account / "token").write_text("second")
    api.status = 401
    with pytest.raises(LeaseFailedError):
        requests.read("shard")
    api.status = 0
    requests.read("shard")
    assert [header.split()[1] for _, _, header in api.requests] == ["first", "first", "second"]


def test_a_half_written_account_is_a_failure(requests: LeaseRequests, api: LeaseApi) -> None:
    """A rotation may be under way."""
    (api.account / "token").write_text("")
    with pytest.raises(LeaseFailedError):
        requests.read("shard")


def test_outside_a_pod_there_are_no_leases(api: LeaseApi, tmp_path: Path) -> None:
    """Neither without the environment of a pod nor without its files."""
    assert in_own_cluster("", api.account, {}) is None
    assert in_own_cluster("", tmp_path, api.environment) is None


def test_times_always_have_six_digits() -> None:
    """Kubernetes refuses a time of a whole second as Python writes it."""
    body = lease_requests._body("shard", ShardLease("a", acquired="2026-11-30T17:00:00.000000Z"), NOON)
    assert body.spec is not None
    assert body.spec.renew_time is not None
    assert body.spec.acquire_time is not None
    assert [at.isoformat() for at in (body.spec.renew_time, body.spec.acquire_time)] == [
        "2026-11-30T12:00:00.000001+00:00",
        "2026-11-30T17:00:00.000001+00:00",
    ]
