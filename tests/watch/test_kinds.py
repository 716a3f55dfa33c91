"""
Optional kinds: their absence is reported and waited for, and the kind that is not whole costs no list and no memory.
"""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from collector.core.cluster.state import Cluster
from collector.core.facts.watches import WatchGap
from collector.core.messages import Synced
from collector.core.objects.kubernetes import ADMISSION_KINDS, OwnKind
from collector.core.objects.owner_kinds import OWNER_NAMES
from collector.core.objects.structs import OBJECT_OF
from collector.core.rules import Rules
from collector.watch.kinds import RESOURCES, Resource, resources, rights, stages
from collector.watch.protocol import ABSENT_S, REFUSED_S
from generate.role import controller_files, files
from tests.watch.steps import (
    CRON_WORKFLOWS,
    EVENTS,
    JSON,
    NOON,
    SECOND,
    WORKFLOWS,
    a_pause,
    a_watch,
    bookmark,
    changes_of,
    event,
    listed,
    next_request,
    of_type,
    page,
    positions,
    refusal,
    reopen,
    request_at_once,
    watching,
)


def an_event(uid: str, version: int) -> dict[str, Any]:
    meta = {"name": uid, "namespace": "ci", "uid": uid, "resourceVersion": str(version)}
    return {"metadata": meta, "type": "Warning", "reason": "FailedScheduling", "involvedObject": {"uid": "p1"}}


def test_only_what_facts_are_made_of_is_needed() -> None:
    """A cluster that grants only these is watched too, and the other kinds start last."""
    needed = [resource.kind for resource in resources() if resource.needed]
    order = [[resource.kind for resource in stage] for stage in stages(resources())]

    assert needed == ["namespaces", "nodes", "workflows", "pods"]
    assert order == [
        ["namespaces"],
        ["nodes", *OWNER_NAMES, *ADMISSION_KINDS],
        ["workflows", "pods", "cronworkflows"],
        ["events"],
    ]


def test_rows_and_core_know_the_same_kinds() -> None:
    """A row that core does not know, or a kind without a row, is named with the line to add."""
    rows = {row.kind: row for row in RESOURCES}
    handlers = Cluster("prod", Rules())._handlers

    assert rows.keys() == {*get_args(OwnKind), *ADMISSION_KINDS, *OWNER_NAMES}, (
        "core/objects/kubernetes.py: OwnKind or AdmissionKind, watch/kinds.py: RESOURCES"
    )
    assert rows.keys() == OBJECT_OF.keys(), "core/objects/structs.py: OBJECT_OF"
    assert rows.keys() == handlers.keys(), "core/cluster/state.py: a handler for the kind"
    assert {row.kind for row in RESOURCES if row.metadata_only} == set(OWNER_NAMES)


def test_two_kinds_of_one_plural_have_paths_and_rights_of_their_own() -> None:
    """Only the name of a kind may have the group in it."""
    jobs = [row for row in RESOURCES if row.plural == "jobs"]

    assert [row.kind for row in jobs] == ["jobs", "jobs.batch.volcano.sh"]
    assert [row.path for row in jobs] == ["/apis/batch/v1/jobs", "/apis/batch.volcano.sh/v1alpha1/jobs"]
    assert [row.full_name for row in jobs] == ["jobs.batch", "jobs.batch.volcano.sh"]


def test_the_shipped_role_grants_each_right_by_name() -> None:
    """Of clusters and of controllers. A right that is not granted by default stands there as a comment."""
    shipped = [line for made in (files(), controller_files()) for line in made["rbac.yaml"].splitlines()]
    lines = [line.replace("# - ", "- ").replace('"', "") for line in shipped]

    for right in rights("argo"):
        rule = right.rule.replace('"', "")
        assert f"  - {{{rule}}}" in lines


def test_rows_stand_in_the_order_of_starting() -> None:
    """`resources` returns the rows as they are."""
    assert [row.stage for row in RESOURCES] == sorted(row.stage for row in RESOURCES)


def test_labelled_pods_go_without_owners() -> None:
    """Pods that only an owner leads to have no label, so nothing is learnt from owners."""
    labelled = resources(labelled_pods=True)

    kinds = [row.kind for row in labelled]
    assert kinds == ["namespaces", "nodes", *ADMISSION_KINDS, "workflows", "pods", "cronworkflows", "events"]
    assert [row.selector for row in labelled if row.selector] == ["workflows.argoproj.io/workflow"]


@pytest.mark.parametrize("resource", [CRON_WORKFLOWS, EVENTS])
def test_an_optional_kind_that_is_refused_is_requested_seldom(resource: Resource) -> None:
    """The detail names the consequence, other kinds do not wait, and a later right takes effect without a restart."""
    watch = a_watch(resource)
    next_request(watch)
    watch.answered(403, JSON, refusal(403, "Forbidden", "events is forbidden"), NOON)
    health = watch.health()
    pause = a_pause(watch)
    next_request(watch)
    watch.answered(200, JSON, page(version=100), NOON + SECOND)

    assert watch.synced
    assert health.state == "refused"
    assert not health.synced
    assert health.detail.startswith(f"no right to list {resource.full_name} in cluster prod")
    assert health.detail.endswith(f"without it: no {resource.feeds}")
    assert pause.seconds >= ABSENT_S


def test_an_optional_kind_that_is_not_served_is_absent() -> None:
    """Other kinds do not wait for it, and it is not a problem."""
    watch = a_watch(CRON_WORKFLOWS)
    next_request(watch)
    before = watch.settled
    watch.answered(404, JSON, refusal(404, "NotFound"), NOON)

    assert not before
    assert watch.settled
    assert watch.health().state == "absent"
    assert watch.health().detail.startswith("cluster prod does not serve cronworkflows.argoproj.io")
    assert a_pause(watch).seconds >= ABSENT_S


def test_a_needed_kind_is_still_requested_soon() -> None:
    """Argo may be installed, or a right be granted, any moment."""
    missing, refused = a_watch(WORKFLOWS), a_watch(WORKFLOWS)
    for watch, status in ((missing, 404), (refused, 403)):
        next_request(watch)
        watch.answered(status, JSON, refusal(status), NOON)

    assert not missing.settled
    assert missing.health().state == "retrying"
    assert "without it" not in refused.health().detail
    assert a_pause(missing).seconds < REFUSED_S
    assert REFUSED_S <= a_pause(refused).seconds < ABSENT_S


def test_events_are_watched_from_now_on_and_not_listed() -> None:
    """A busy cluster holds a hundred thousand: one is read, for the version, and the watch asks for no Normal ones."""
    watch = a_watch(EVENTS)
    first = next_request(watch)
    out = watch.answered(200, JSON, page(an_event("e1", 90), version=100, token="more"), NOON)
    then = request_at_once(watch)

    assert first.params == {"limit": "1"}
    assert changes_of(out) == []
    assert [o.resource_version for o in of_type(out, Synced)] == ["100"]
    assert then.verb == "watch"
    assert then.params["fieldSelector"] == "type!=Normal"
    assert then.params["resourceVersion"] == "100"


def test_events_are_not_remembered() -> None:
    """They are hints that exist for an hour; only the position separates a replay from a new event."""
    watch = watching(resource=EVENTS)
    out = watch.feed(event("ADDED", an_event("e1", 101)) + event("MODIFIED", an_event("e1", 102)), NOON)
    objects = watch.health().objects
    again = watch.feed(event("ADDED", an_event("e1", 101)) + bookmark(110), NOON)
    expired = watch.feed(event("DELETED", an_event("e1", 120)), NOON)

    assert changes_of(out) == [("added", "e1", 101), ("modified", "e1", 102)]
    assert changes_of(again) == []
    assert positions(again) == ["110"]
    assert changes_of(expired) == [("deleted", "e1", 120)]
    assert objects == 0


def test_events_that_were_missed_are_no_gap() -> None:
    """A gap says that facts may be incomplete; events make none. Cron workflows do."""
    gaps = {}
    for resource in (EVENTS, CRON_WORKFLOWS):
        watch = watching(resource=resource)
        watch.feed(event("ERROR", json.loads(refusal(410, "Expired"))), NOON)
        next_request(watch)
        gaps[resource.kind] = of_type(watch.answered(200, JSON, page(version=500), NOON + SECOND), WatchGap)

    assert gaps["events"] == []
    assert len(gaps["cronworkflows"]) == 1


def test_the_watch_of_events_goes_on_after_a_restored_etcd() -> None:
    """Versions that went back begin a new epoch, as for other kinds."""
    watch = listed(resource=EVENTS, version=1000)
    reopen(watch)
    watch.side_request()
    watch.side_request_answered(200, JSON, page(version=10), NOON)
    next_request(watch)
    out = watch.answered(200, JSON, page(version=10), NOON + SECOND)

    assert positions(out) == ["10"]


def test_every_right_names_its_rule() -> None:
    """What `check` prints can be pasted into a Role."""
    rules = {right.full_name: right.rule for right in rights("argo")}

    assert rules == {
        "configmaps workflow-controller-configmap": 'apiGroups: [""], resources: ["configmaps"], '
        'resourceNames: ["workflow-controller-configmap"], verbs: ["get"]',
        "leases.coordination.k8s.io workflow-controller": 'apiGroups: ["coordination.k8s.io"], resources: ["leases"], '
        'resourceNames: ["workflow-controller"], verbs: ["get"]',
        "pods.metrics.k8s.io": 'apiGroups: ["metrics.k8s.io"], resources: ["pods"], verbs: ["get"]',
        "pods/proxy": 'apiGroups: [""], resources: ["pods/proxy"], verbs: ["get"]',
    }


def test_no_selector_without_one() -> None:
    """Of a needed kind every object is requested."""
    assert "fieldSelector" not in reopen(listed(resource=replace(WORKFLOWS, whole=True))).params
