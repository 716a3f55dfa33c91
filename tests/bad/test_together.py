"""
Bad inputs in numbers: all of them in one stream and in one list, at random, too many at once, and what the worst cost.
"""

import copy
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from collector.catalog import metrics
from collector.catalog.metrics.metric import MAX_SERIES
from collector.catalog.tables import TABLE_NAMED
from collector.core.facts.watches import Quarantine
from collector.core.messages import Observation
from collector.core.objects.kubernetes import Kind
from collector.exposition.prometheus import render
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from collector.store.spool.spool import open_spool
from tests.bad.cases import CANARY, Case, Obj, line, put, sound_pod, sound_workflow, versioned
from tests.bad.cost import Cost
from tests.bad.stage import CLUSTER, RESOURCES, SLOTS, Played, WatchLine, files_of, lines_of, play, sounds, with_bad
from tests.bad.table import BY_NAME, CASES, COSTLY
from tests.builders import NOON
from tests.flow import HEALTHY, a_pipeline, drained, only
from tests.replay import raw_events
from tests.store.running import ROOT, start
from tests.watch.steps import JSON, a_watch, bookmark, next_request, of_type, watching

MIDDLE_RV, MIDDLE_AT = SLOTS["middle"]


@cache
def alone() -> bytes:
    """The stored rows and states of the neighbours without a bad input between them."""
    with TemporaryDirectory() as folder:
        return play(sounds(), Path(folder) / "spool.sqlite").neighbours()


# All in one stream.


def all_at_once() -> list[WatchLine]:
    """Every case between the neighbours, under a uid of its own."""
    sent = sounds()
    for i, bad in enumerate(CASES):
        rv = MIDDLE_RV + 10 * i
        # Otherwise several lines that end the stream at the same version would lead to a list.
        sent += [WatchLine(rv - 1, MIDDLE_AT, "workflows", bookmark(rv - 1)), *lines_of(bad, f"bad-{i}", rv, MIDDLE_AT)]
    return sorted(sent, key=lambda s: s.rv)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, bytes]:
    """The stream of all cases, and the bytes on disk after it."""
    file = tmp_path_factory.mktemp("together") / "spool.sqlite"
    played = play(all_at_once(), file)
    return played, b"".join(files_of(file))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real engine with today's tables."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    yield writer
    writer.close()
    assert running.stop() == 0


def test_all_bad_inputs_of_a_stream_together_have_their_outcomes(together: tuple[Played, bytes]) -> None:
    """As many quarantined, reopened and repaired by reason and cause as in the table; no other object is affected."""
    played, disk = together
    how = Counter((bad.expected.how, bad.expected.reason) for bad in CASES)
    aside = Counter(("quarantined", row["reason"]) for row in played.tables["quarantine"])
    again = {("reopened", cause): count for cause, count in played.reopenings().items()}
    fallbacks = sum(played.counters.series[metrics.DECODE_FALLBACKS.name].values())

    assert dict(aside) | again == {key: n for key, n in how.items() if key[0] in ("quarantined", "reopened")}
    assert fallbacks == how["repaired", ""]
    assert played.neighbours() == alone()
    assert CANARY.encode() not in disk


def test_the_engine_takes_every_row_of_all_bad_inputs(together: tuple[Played, bytes], store: Store) -> None:
    """No row is refused or changed: texts of every kind are read back unchanged, once each."""
    played, _ = together
    for name, rows in played.tables.items():
        store.insert(TABLE_NAMED[name], [list(row.values()) for row in rows], name)
    stored = {table: store.query_rows(f"SELECT {what} FROM lynceus.{table} FINAL") for table, what in QUERIES.items()}

    for table, what in QUERIES.items():
        names = what.split(", ")
        newest = {(row[names[0]],): row for row in sorted(played.tables[table], key=lambda row: int(row["version"]))}
        assert sorted(stored[table]) == sorted(tuple(row[name] for name in names) for row in newest.values())


QUERIES = {
    "workflow_run": "uid, name, department, template, creator, message, labels, priority, retries",
    "pod_run": "uid, name, reason, memory_bytes, exit_code, pricing",
}  # fmt: skip


def test_a_scrape_survives_all_bad_inputs(together: tuple[Played, bytes]) -> None:
    """Every line is read back by Prometheus' own parser, and none shows a secret."""
    played, _ = together
    body = render(a_pipeline(CLUSTER).view(NOON, {}, HEALTHY), played.counters).decode()

    assert sum(len(family.samples) for family in parse_plain(body)) > 20
    assert CANARY not in body


# In a list.


HEAD = b'{"type": "MODIFIED", "object": '
NO_ITEM = ("ignored", "reopened", "event_type", "oversized")
"""Outcomes that only a line of a stream can have."""
LISTED = [
    pytest.param(bad, id=bad.name)
    for bad in CASES
    if bad.kind != "events" and bad.expected.how not in NO_ITEM and bad.expected.reason not in NO_ITEM
]


def items_of(bad: Case) -> list[bytes]:
    """The object of a case's first line, as an item of a list; None where the line is not an ordinary event."""
    text = bad.lines("bad", 50)[0].rstrip(b"\r\n")
    return [text[len(HEAD) : -1]] if text.startswith(HEAD) and text.count(HEAD) == 1 else []


@pytest.mark.parametrize("bad", LISTED)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_item_does_no_harm_to_its_list(bad: Case, place: int) -> None:
    """At the first, middle or last place, the other items are observed and the list is complete."""
    sound: Any = sound_pod if bad.kind == "pods" else sound_workflow
    items = [json.dumps(versioned(sound(uid), 60)).encode() for uid in ("a", "b")]
    items[place:place] = items_of(bad)
    watch = a_watch(watch_resource(bad.kind))
    next_request(watch)
    body = b'{"metadata": {"resourceVersion": "100"}, "items": [' + b",".join(items) + b"]}"
    out = watch.answered(200, JSON, body, NOON)
    flow = a_pipeline(CLUSTER)
    flow.take(CLUSTER, out)
    aside = [q.reason for q in only(Quarantine, drained(flow).facts)]

    assert watch.synced
    assert [o.uid for o in of_type(out, Observation) if o.uid in ("a", "b")] == ["a", "b"]
    assert aside == ([bad.expected.reason] if bad.expected.how == "quarantined" and items_of(bad) else [])
    assert CANARY not in repr(only(Quarantine, of_type(out, Quarantine)))


def watch_resource(kind: Kind) -> Any:
    """What is watched of a kind."""
    return next(resource for resource in RESOURCES if resource.kind == kind)


# At random.


HOSTILE: tuple[Any, ...] = (
    None, [], {}, "", "x", 0, -1, 1.5, 1e300, True, 10**40, [None], {"a": None}, [[[]]], {"": {"": []}}, "\ud800", "a\0\r\n",
    "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2036-11-22T12:00:00Z", "NaN", "1e999999", "8E", "-5", "@@@@",
    "'); DROP TABLE x; --", '"} 1\nevil 5', "x" * 100_000, ["x"] * 2_000, 2**63, -(2**63) - 1,
)  # fmt: skip
STEPS: dict[Kind, int] = {"workflows": 9, "pods": 23}
RECORDED: dict[Kind, list[Obj]] = {
    kind: [e["event"]["object"] for folder in ("basics", "packed") for e in raw_events(folder, kind)[::step]]
    for kind, step in STEPS.items()
}


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path of a JSON value but its root's."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = [p for key, v in entries for p in paths_of(v, (*path, key))]
    return [path, *inner] if path else inner


def with_secrets(obj: Obj) -> Obj:
    """Secrets where the recording has none."""
    for container in obj.get("spec", {}).get("containers", ()):
        container |= {"args": [CANARY], "env": [{"name": "TOKEN", "value": CANARY}]}
    obj["spec"] |= {"arguments": {"parameters": [{"name": "token", "value": CANARY}]}}
    return obj


@given(
    kind=st.sampled_from(sorted(RECORDED)), seed=st.integers(0, 2**32), wrong=st.sampled_from(HOSTILE),
    slot=st.sampled_from(sorted(SLOTS)),
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_wrong_with_an_object_its_neighbours_are_untouched(
    kind: Kind, seed: int, wrong: Any, slot: str
) -> None:
    """Any value of a recorded object replaced by a hostile one, anywhere in a stream: taken, repaired or set aside."""
    chance = random.Random(seed)
    obj = with_secrets(copy.deepcopy(chance.choice(RECORDED[kind])))
    obj["metadata"] |= {"uid": "bad", "resourceVersion": str(SLOTS[slot][0])}
    spoiled = put(wrong, *chance.choice(paths_of(obj)))(obj)
    bad = Case("", kind, lambda _uid, _rv: [line(spoiled)], CASES[0].expected)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spool.sqlite"
        played = play(with_bad(bad, "bad", slot), file)
        disk = b"".join(files_of(file))

    assert played.neighbours() == alone()
    assert {row["reason"] for row in played.tables.get("quarantine", ())} <= {"no_uid", "no_version", "not_an_object"}
    assert played.reopenings() == {}
    assert CANARY.encode() not in disk


# Too many, and too alike.


def test_a_thousand_new_queues_do_not_fill_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """52: labels beyond the limit share one name in the metrics, and the overflow is counted; rows keep their own."""
    monkeypatch.setitem(MAX_SERIES, "counter", 500)
    count = 1000
    bomb = []
    for i in range(count):
        obj = versioned(sound_workflow(f"bad-{i}"), MIDDLE_RV + i)
        obj["metadata"] |= {"namespace": f"n{i}", "labels": {"department": f"d{i}"}}
        bomb.append(WatchLine(MIDDLE_RV + i, MIDDLE_AT, "workflows", line(obj)))
    played = play(sorted([*sounds(), *bomb], key=lambda sent: sent.rv), tmp_path / "spool.sqlite")
    series = played.counters.series[metrics.SUBMITTED.name]

    assert len(series) <= 501
    assert sum(series.values()) == count + 2
    assert played.counters.series[metrics.LABEL_OVERFLOW.name][metrics.SUBMITTED.name,] > 0
    assert len({row["department"] for row in played.tables["workflow_run"]}) == count + 1
    assert played.neighbours() == alone()


def test_one_uid_in_two_clusters_is_two_workflows(tmp_path: Path) -> None:
    """66: a restored backup of etcd has the uids of its origin; each cluster keeps its own row."""
    flow = a_pipeline("c1", "c2")
    for cluster, phase in (("c1", "Succeeded"), ("c2", "Failed")):
        obj = put(phase, "status", "phase")(versioned(sound_workflow("w"), 200))
        flow.take(cluster, watching(version=100).feed(line(obj), MIDDLE_AT))
    spool = open_spool(tmp_path / "spool.sqlite", 2**30, NOON)
    spool.commit(drained(flow, MIDDLE_AT))
    (batch,) = [b for b in spool.seal(NOON) if b.table == "workflow_run"]
    names = [column.name for column in TABLE_NAMED["workflow_run"].stored]
    rows = [dict(zip(names, row, strict=True)) for row in spool.read(batch).rows]
    spool.close()

    assert [(row["cluster"], row["uid"], row["phase"]) for row in rows] == [
        ("c1", "w", "Succeeded"),
        ("c2", "w", "Failed"),
    ]


def test_a_name_taken_again_is_another_workflow(tmp_path: Path) -> None:
    """Names are free again when their object is deleted, even without a DELETED event; rows are keyed by uid."""
    earlier, later = (put("nightly", "metadata", "name")(sound_workflow(uid)) for uid in ("bad-1", "bad-2"))
    earlier["status"] = {"phase": "Running"}
    texts = [line(versioned(obj, MIDDLE_RV + i)) for i, obj in enumerate((earlier, later))]
    sent = [WatchLine(MIDDLE_RV + i, MIDDLE_AT, "workflows", text) for i, text in enumerate(texts)]
    played = play(sorted([*sounds(), *sent], key=lambda s: s.rv), tmp_path / "spool.sqlite")

    assert [row["phase"] for row in played.rows("workflow_run", "bad-2")] == ["Succeeded"]
    assert played.rows("workflow_run", "bad-1") == []
    assert [row["phase"] for row in played.rows("workflow_live", "bad-1")] == ["Running"]
    assert played.neighbours() == alone()


# What the worst cost.


@pytest.mark.parametrize("name", COSTLY)
def test_the_worst_inputs_cost_little(name: str, tmp_path: Path) -> None:
    """At most ten times what plain JSON takes, and a quarter of a gigabyte, in a process of its own."""
    lines = tmp_path / "lines"
    lines.write_bytes(msgspec.msgpack.encode(with_bad(BY_NAME[name], "bad", "middle")))
    done = subprocess.run(
        [sys.executable, "-m", "tests.bad.cost", str(lines)], capture_output=True, cwd=ROOT, env=os.environ, check=True
    )
    cost = msgspec.json.decode(done.stdout, type=Cost)

    assert cost.cpu_s < 10 * cost.plain_cpu_s
    assert cost.grown_mib < 256
