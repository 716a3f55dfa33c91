"""
`python -m tests.bench.rollup --pods 5000000`: what the collectors' rounds of rollups and statements take of a core.

A day of pods, each with more than two rows of charges as a day brings them: as it runs, as it ended, some a third time. The
day is built; then a 1440th of its pods gets new rows before each round, as in a minute, and again before the statement, so
that it cannot rely on the rollup. CPU seconds of the embedded engine, the median of some rounds; a round is followed by the
pause that a collector makes. Merges are stopped. A missed target is shown and is not a failure.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.billing.shared import StatementTerms
from collector.billing.statement import write_due
from collector.catalog.rollups import COST_DAILY, ROLLUPS
from collector.clock import now_ms
from collector.prices import book
from collector.service.jobs import LONGEST_PAUSE_S, ONE_THREAD, ROLL_UP_S, ROLL_UP_SHARE
from collector.service.tasks import pause_after
from collector.settings.model import Settings
from collector.store.clickhouse import connect
from collector.store.rollup import roll_up
from tests.bench.__main__ import about, out, say, verdict
from tests.bench.queries import COST, TIMEOUT_S, Bench, a_store

TODAY = date(2026, 11, 20)
MADE = 1_000_000
"""Pods at most that are made with values of their own; the others are copies of them under other uids, which is quicker."""
COPIED = 1 << 48
"""A copy's version is higher by a multiple of this."""
MINUTES = 1440
COPY = f"""
    INSERT INTO lynceus.pod_cost
    SELECT * REPLACE (
        toString(reinterpretAsUUID(sipHash128(pod_uid, {{number:UInt32}}))) AS pod_uid,
        toString(reinterpretAsUUID(sipHash128(workflow_uid, {{number:UInt32}}))) AS workflow_uid,
        created_at + toIntervalMillisecond({{number:UInt32}} * 17) AS created_at,
        version + {{number:UInt32}} * {COPIED} AS version
    ) FROM (SELECT * FROM lynceus.pod_cost WHERE version < {COPIED}) SETTINGS max_threads = 1
"""
AGAIN = """
    INSERT INTO lynceus.pod_cost
    SELECT * REPLACE (version + {by:UInt32} AS version, cost + {by:UInt32} AS cost, now64(3) AS inserted_at)
    FROM (SELECT * FROM lynceus.pod_cost WHERE version % 256 = 1 AND cityHash64(pod_uid) % {of:UInt32} = 0)
    SETTINGS max_threads = 1
"""
STORED = f"SELECT {COST_DAILY.names} FROM lynceus.cost_daily"
COMPUTED = COST_DAILY.computed("1")
DIFFERENT = f"SELECT count() FROM (({STORED} EXCEPT {COMPUTED}) UNION ALL ({COMPUTED} EXCEPT {STORED}))"


@dataclass(frozen=True, slots=True)
class Round:
    """What a round took."""

    rollup_cpu_s: float
    statement_cpu_s: float
    wall_s: float

    @property
    def cpu_s(self) -> float:
        return self.rollup_cpu_s + self.statement_cpu_s

    @property
    def pause_s(self) -> float:
        return pause_after(self.wall_s, ROLL_UP_SHARE, ROLL_UP_S, LONGEST_PAUSE_S)

    @property
    def share(self) -> float:
        """Of a core, with the pause that follows."""
        return self.cpu_s / (self.wall_s + self.pause_s)


def fill(bench: Bench, pods: int) -> int:
    """The charges of a day, every pod's in two versions and some in three; returns the rows."""
    made = min(pods, MADE)
    bench.fill(COST, TODAY, 1, made, 4)
    for number in range(1, pods // made):
        bench.writer.command(COPY, {"number": number})
    again(bench, 1, of=1)
    again(bench, 2, of=5)
    ((rows,),) = bench.query("SELECT count() FROM lynceus.pod_cost", {})
    return int(rows)


def again(bench: Bench, by: int, of: int = MINUTES) -> None:
    """A later version of one pod in so many."""
    bench.writer.command(AGAIN, {"by": by, "of": of})


def a_round(bench: Bench, terms: StatementTerms, number: int) -> Round:
    """What a collector does after a minute in which pods ended, while others end."""
    store = connect(
        bench.running.url, "lynceus", bench.running.token_file, timeout_s=TIMEOUT_S, settings=dict(ONE_THREAD)
    )
    again(bench, 2 * number + 1)
    begun, before = time.perf_counter(), bench.cpu_s()
    for rollup in ROLLUPS:
        roll_up(store, rollup)
    rolled_s, rolled_up = time.perf_counter() - begun, bench.cpu_s()
    again(bench, 2 * number + 2)
    begun, between = time.perf_counter(), bench.cpu_s()
    list(write_due(store, terms, TODAY, now_ms()))
    done_s, done = time.perf_counter() - begun, bench.cpu_s()
    store.close()
    return Round(rolled_up - before, done - between, rolled_s + done_s)


def differences(bench: Bench) -> int:
    """Rows of the rollup that are not what the charges sum to, and the other way round."""
    ((count,),) = bench.query(DIFFERENT, {})
    return int(count)


def the_terms() -> StatementTerms:
    """Of the shipped price books and those with shared costs."""
    books = book.load([*Settings().prices, "deploy/examples/alibaba-shared.yaml"], Path(), "USD")
    return StatementTerms(books=books, zone=ZoneInfo("UTC"), rules="")


def show(first: Round, rounds: Sequence[Round], rows: int) -> None:
    """The figures in words, then as JSON."""
    usual = sorted(rounds, key=lambda one: one.cpu_s)[len(rounds) // 2]
    ratio, late_s = usual.rollup_cpu_s / first.rollup_cpu_s, usual.wall_s + usual.pause_s
    out.print(
        f"a day of {rows:,} rows of charges: first round {first.cpu_s:.2f} CPU s, {first.wall_s:.1f} s\n"
        f"a round with a {MINUTES}th of the pods new: rollup {usual.rollup_cpu_s:.2f} CPU s ({ratio:.2f} of the first), "
        f"statement {usual.statement_cpu_s:.2f}; {usual.wall_s:.1f} s\n"
        f"  every {late_s:,.0f} s: {100 * usual.share:.1f} % of a core "
        f"({verdict(usual.share <= ROLL_UP_SHARE)}: at most {100 * ROLL_UP_SHARE:g} %)"
    )
    figures = {
        "first": asdict(first),
        "round": asdict(usual),
        "share": round(usual.share, 4),
        "every_s": round(late_s, 1),
    }
    say({"case": "rollup", "rows": rows, **figures})


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rollup", description=__doc__)
    parser.add_argument("--pods", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    say(about())
    with a_store() as bench:
        rows, terms = fill(bench, arguments.pods), the_terms()
        first, *rounds = [a_round(bench, terms, number) for number in range(1, arguments.rounds + 2)]
        show(first, rounds, rows)


if __name__ == "__main__":
    main()
