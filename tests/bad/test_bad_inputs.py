"""
Inputs that no schema allows: each bad input as the first, a middle and the last object of a stream.

Each goes the whole way from the bytes of a watch to the spool's disk, has the outcome that the table names, costs a
bounded time, shows no secret, and leaves the stored rows of its neighbours equal to the byte.
"""

from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.bad.cases import CANARY, SEEN, UID, Case, sound_pod, sound_workflow
from tests.bad.stage import (
    NEIGHBOURS,
    SLOTS,
    Played,
    files_of,
    play,
    play_in_one,
    sounds,
    with_bad,
)
from tests.bad.table import BY_NAME, CASES, COSTLY
from tests.watch.steps import fallbacks

BAD = "bad"
SAMPLE_LIMIT = 5_000
CPU_S = 5.0
"""Limit against endless or quadratic work; on an idle core the slowest case takes 1 s."""

EACH = [pytest.param(bad, id=bad.name) for bad in CASES]
IN_A_CHUNK = [pytest.param(bad, id=bad.name) for bad in CASES if bad.expected.how != "reopened"]


@cache
def alone(in_one: bool = False) -> bytes:
    """The stored rows and states of the neighbours without a bad input between them."""
    with TemporaryDirectory() as folder:
        played = (play_in_one if in_one else play)(sounds(), Path(folder) / "spool.sqlite")
    assert all(played.rows("workflow_run" if uid[0] == "w" else "pod_run", uid) for uid in NEIGHBOURS)
    return played.neighbours()


def fits(expected: Any, found: Any, at: int) -> bool:
    """Whether a stored value is what a case expects."""
    if expected is SEEN or expected is UID:
        return bool(found == (at if expected is SEEN else BAD))
    return (
        Decimal(found) == expected if isinstance(expected, Decimal) and found is not None else bool(found == expected)
    )


def wrong_rows(bad: Case, played: Played, at: int) -> list[str]:
    """Differences between the object's stored rows and the case."""
    wrong: list[str] = []
    for table, fields in bad.expected.rows.items():
        rows = played.rows(table, BAD)
        if fields is None or not rows:
            wrong += [f"{table}: {len(rows)} rows"] if rows or fields is not None else []
            continue
        newest = rows[-1]
        different = [name for name, value in fields.items() if not fits(value, newest[name], at)]
        wrong += [f"{table}.{name}: {str(newest[name])[:80]!r}" for name in different]
    return wrong


def impossible(played: Played) -> list[str]:
    """Impossible figures: negative time or money, parts larger than their whole."""
    rows = [(table, row) for table, some in played.tables.items() for row in some if table != "quarantine"]
    below = [
        f"{table}.{name}" for table, row in rows for name, value in row.items()
        if name.endswith(("_ms", "_seconds", "pods", "retries")) and value is not None and value < 0
    ]  # fmt: skip
    charges = [row for table, row in rows if table == "pod_cost" and row["cost"] is not None]
    below += [f"critical path of {uid}" for uid, critical, whole in critical_paths(played) if critical > whole]
    return below + ["cost" for c in charges if not 0 <= Decimal(c["cost_pending"]) <= Decimal(c["cost"])]


def critical_paths(played: Played) -> list[tuple[str, int, int]]:
    """For each ended workflow: its uid, its milliseconds on the critical path, and its duration in milliseconds."""
    critical: Counter[str] = Counter()
    for step in played.tables.get("step_run", ()):
        critical[step["workflow_uid"]] += step["critical_ms"]
    return [
        (run["uid"], critical[run["uid"]], max(0, run["finished_at"] - (run["started_at"] or run["created_at"])))
        for run in played.tables.get("workflow_run", ())
    ]


def outcome_of(played: Played) -> tuple[str, str]:
    """How the bad input was taken, and the reason or cause."""
    if aside := played.tables.get("quarantine"):
        return "quarantined", ", ".join(row["reason"] for row in aside)
    if causes := played.reopenings():
        return "reopened", ", ".join(causes)
    return ("repaired" if fallbacks(played.counters) else "accepted"), ""


def expected_outcome(bad: Case) -> tuple[str, str]:
    """The outcome that the case expects; an ignored input is accepted without effect."""
    how = "accepted" if bad.expected.how == "ignored" else bad.expected.how
    return how, bad.expected.reason


def leaks(file: Path, played: Played, log: str) -> list[str]:
    """Places that show a secret, and samples beyond the limit."""
    shown = {"disk": b"".join(files_of(file)), "log": log.encode(), "metrics": repr(played.counters).encode()}
    samples = [row["sample"] for row in played.tables.get("quarantine", ())]
    return [where for where, text in shown.items() if CANARY.encode() in text] + [
        "sample" for sample in samples if len(sample) > SAMPLE_LIMIT
    ]


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("bad", EACH)
def test_a_bad_input_has_its_outcome_and_its_neighbours_theirs(
    bad: Case, slot: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The input is accepted, repaired, set aside or ignored as in the table, in bounded time; nothing else changes."""
    file = tmp_path / "spool.sqlite"
    played = play(with_bad(bad, BAD, slot), file)

    assert outcome_of(played) == expected_outcome(bad)
    assert wrong_rows(bad, played, SLOTS[slot][1]) == []
    assert impossible(played) == []
    assert bad.expected.how != "ignored" or not any(uid == BAD for _, uid in played.states)
    assert played.neighbours() == alone()
    assert leaks(file, played, caplog.text) == []
    assert played.cpu_s < CPU_S or bad.name in COSTLY


@pytest.mark.parametrize("bad", IN_A_CHUNK)
def test_a_bad_line_does_no_harm_to_the_lines_of_its_chunk(bad: Case, tmp_path: Path) -> None:
    """After a pause hundreds of events arrive in one chunk; a block that cannot be decoded whole is taken line by line."""
    played = play_in_one(with_bad(bad, BAD, "middle"), tmp_path / "spool.sqlite")

    assert outcome_of(played) == expected_outcome(bad)
    assert played.neighbours() == alone(in_one=True)


def test_sound_objects_carry_the_secret_and_rows_that_were_counted() -> None:
    """Without the secret, its search would prove nothing; and each number from 1 to 70 has a case."""
    assert all(str(obj).count(CANARY) >= 4 for obj in (sound_workflow("w"), sound_pod("p")))
    assert {int(bad.name[:2]) for bad in CASES} == set(range(1, 71)) - {52, 66}
    assert len(BY_NAME) == len(CASES)
    assert {*COSTLY} <= set(BY_NAME)
    assert Counter(bad.expected.how for bad in CASES).keys() == {
        "accepted", "repaired", "quarantined", "ignored", "reopened",
    }  # fmt: skip
