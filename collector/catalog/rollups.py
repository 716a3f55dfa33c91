"""
Sums stored beside the rows that they summarise, and the tables of the store's own housekeeping; none has a fact.

A rollup declares the expression of each column, so that its rebuilding and the reading of rows that it does not hold yet
use the same SQL. A day of a rollup is replaced whole, never added to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from collector.catalog import columns as c
from collector.catalog.columns import INSERTED_AT, Column
from collector.catalog.schema import DATABASE
from collector.core.model import REASONS

SLOW_S = 120
"""A row may become visible this long after its `inserted_at`: twice the time after which an inserter sends again."""
ROUND = "toDate(65535)"
"""The day under which rollup_state stores until when all rows were checked; no charge has that day, in 2149."""
DIGEST = "AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Nullable(UInt64))"
"""A state from which three quantiles are read, over any number of rows."""
RUN_OF = "if(active_run = 0, 1, active_run)"
"""A month without a period belongs to the first run."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """Sums of a source's rows by some of their columns, day by day."""

    name: str
    comment: str
    day: str
    """The column of the partition; it is part of the source's key, so that no row ever moves to another day."""
    day_of: str
    """The expression of that day for a row of the source."""
    rows: str
    """What is summed, as SQL: one row per key, of the active runs."""
    source: str
    """The table whose new rows make a day stale."""
    keys: tuple[tuple[Column, str], ...]
    sums: tuple[tuple[Column, str], ...]
    where: str = "1"
    by_run: bool = False
    """Whether another active pricing run of a month makes the days of that month stale."""
    engine: str = "ReplacingMergeTree"
    engine_args: tuple[str, ...] = ("inserted_at",)
    ttl: str = ""
    bloom: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The rollup's columns in the store's order."""
        return (*(column for column, _ in (*self.keys, *self.sums)), INSERTED_AT)

    @property
    def order_by(self) -> tuple[str, ...]:
        return tuple(column.name for column, _ in self.keys)

    @property
    def partition(self) -> str:
        return self.day

    @property
    def names(self) -> str:
        """The computed columns, as SQL."""
        return ", ".join(f"`{column.name}`" for column, _ in (*self.keys, *self.sums))

    def computed(self, where: str) -> str:
        """SQL that computes the sums from the source's rows; unnamed columns in the order of `names`."""
        columns = ", ".join(expression for _, expression in (*self.keys, *self.sums))
        keys = ", ".join(expression for _, expression in self.keys)
        return f"SELECT {columns} FROM {DATABASE}.{self.rows} WHERE {self.where} AND {where} GROUP BY {keys}"

    def stored(self, where: str, keys: Iterable[str], sums: Iterable[str]) -> str:
        """SQL that reads some of the stored columns, named as in `summed`."""
        chosen = ", ".join((*(f"`{key}`" for key in keys), *(f"`{name}` AS `sum_{name}`" for name in sums)))
        return f"SELECT {chosen} FROM {DATABASE}.{self.name} WHERE {where}"

    def summed(self, where: str, keys: Iterable[str], sums: Iterable[str]) -> str:
        """
        SQL that computes some of the sums from the source's rows, by any of the source's columns.

        A sum of `cost` is named `sum_cost`: the other expressions would read an alias `cost` instead of the column.
        """
        expressions = {column.name: expression for column, expression in (*self.keys, *self.sums)}
        by = [expressions.get(key, f"`{key}`") for key in keys]
        chosen = ", ".join((*by, *(f"{expressions[name]} AS `sum_{name}`" for name in sums)))
        return f"SELECT {chosen} FROM {DATABASE}.{self.rows} WHERE {self.where} AND {where} GROUP BY {', '.join(by)}"

    def stale(self) -> str:
        """
        SQL that lists days which may have rows that the rollup does not hold, newest first, each with its active run.

        A day is stale until it is rebuilt `SLOW_S` after its newest row, so that rows of a slow insert are not missed.
        """
        state = f"{DATABASE}.rollup_state FINAL WHERE name = '{self.name}' AND day"
        since = f"(SELECT max(built_at) FROM {state} = {ROUND}) - toIntervalSecond({SLOW_S})"
        sql = f"""
            SELECT seen.of_day AS of_day FROM (
                SELECT {self.day_of} AS of_day, max(inserted_at) AS newest
                FROM {DATABASE}.{self.source} WHERE inserted_at >= {since} GROUP BY of_day
            ) AS seen LEFT JOIN (SELECT day, built_at FROM {state} != {ROUND}) AS built ON seen.of_day = built.day
            WHERE newest >= built_at - toIntervalSecond({SLOW_S})
        """
        if not self.by_run:
            return f"SELECT of_day, 0 FROM ({sql}) ORDER BY of_day DESC"
        months = f"(SELECT month, active_run FROM {DATABASE}.period FINAL) AS period"
        reassigned = f"""
            SELECT built.day FROM (SELECT day, run FROM {state} != {ROUND}) AS built
            LEFT JOIN {months} ON period.month = toStartOfMonth(built.day) WHERE run != {RUN_OF}
        """
        return f"""
            SELECT of_day, {RUN_OF} FROM ({sql} UNION DISTINCT {reassigned}) AS stale
            LEFT JOIN {months} ON period.month = toStartOfMonth(of_day) ORDER BY of_day DESC
        """


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """A small table through which collectors coordinate work on the store; the newest row of a key counts."""

    name: str
    comment: str
    order_by: tuple[str, ...]
    columns: tuple[Column, ...]
    engine: str = "ReplacingMergeTree"
    engine_args: tuple[str, ...] = ("version",)
    partition: str = ""
    ttl: str = ""
    bloom: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    shard_by: tuple[str, ...] = ()
    """Every server of a cluster has all rows."""

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that an insert names; the store fills the others."""
        return tuple(column for column in self.columns if column is not INSERTED_AT)


def _same(columns: Iterable[Column]) -> tuple[tuple[Column, str], ...]:
    """Columns that the source has under the same name."""
    return tuple((column, f"`{column.name}`") for column in columns)


def _summed(columns: Iterable[Column]) -> tuple[tuple[Column, str], ...]:
    """Sums of the source's columns with the same names."""
    return tuple((column, f"sum(`{column.name}`)") for column in columns)


def _latency(of: str) -> tuple[Column, str]:
    """A digest of one latency of finished attempts."""
    comment = f"Digest of the {of} latency in milliseconds; quantilesTDigestMerge(0.5, 0.95, 0.99) reads approximate quantiles"
    return Column(f"{of}_latency", DIGEST, comment), f"quantilesTDigestState(0.5, 0.95, 0.99)({of}_latency_ms)"


COST_DAILY = Rollup(
    "cost_daily",
    "Charges of cost_current by billing day; each day is rebuilt whole",
    day="day",
    day_of="day",
    rows="cost_current",
    source="pod_cost",
    by_run=True,
    keys=_same(
        (
            Column("day", "Date", "Billing day, in the billing time zone", codec="Delta(2), ZSTD(1)"),
            c.DEPARTMENT,
            c.CLUSTER,
            c.NAMESPACE,
            c.PROJECT,
            c.TEMPLATE,
            c.low("product", "Product of the price book"),
            c.REGION,
            c.low("purchase", "Purchase option: on_demand, spot, best_effort, reserved"),
            c.low(
                "class",
                "Use of the money: useful, failed, cancelled, retried, reclaimed; unknown: no end was observed",
            ),
            c.low("currency", "Currency of all amounts in the row"),
        )
    ),
    sums=(
        *_summed(
            (
                c.money("cost", "Sum of the charges that have a price; NULL: no charge has one"),
                c.money("cost_pending", "Part of cost before the main container started"),
                c.money("list_cost", "Cost before discounts, of the charges whose list price is known"),
            )
        ),
        (
            c.money("rounded_cost", "Sum of the charges as the provider's bill rounds each of them"),
            "sumIf(ifNull(rounded_cost, cost), cost IS NOT NULL)",
        ),
        (c.big("pods", "Pods, each counted once per billing day"), "countIf(entry = 0)"),
        (c.big("seconds", "Billed time, seconds"), "sum(billed_seconds)"),
        (c.big("unpriced", "Charges without a known price"), "countIf(cost IS NULL)"),
        (c.big("accruing", "Charges of pods that still run"), "countIf(status = 'accruing')"),
        (
            # Hashes and not a state, so that a query can select the successful workflows among them. 8 bytes a workflow.
            Column(
                "workflows",
                "Array(UInt64)",
                "sipHash64 of the uids of the workflows; count them with uniqExactArray",
                codec="ZSTD(1)",
            ),
            "arraySort(groupUniqArray(sipHash64(workflow_uid)))",
        ),
    ),
)

WORKFLOW_HOURLY = Rollup(
    "workflow_hourly",
    "Finished attempts of workflow_run by the hour in which they finished; each day of creation is rebuilt whole",
    day="created_day",
    day_of="toDate(created_at)",
    rows="workflow_run FINAL",
    source="workflow_run",
    where="finished_at IS NOT NULL",
    keys=(
        (
            Column("created_day", "Date", "Day on which the workflows were created, UTC", codec="Delta(2), ZSTD(1)"),
            "toDate(created_at)",
        ),
        (
            Column("hour", "DateTime('UTC')", "Hour in which the attempts finished", codec="Delta(4), ZSTD(1)"),
            "toStartOfHour(toDateTime(assumeNotNull(finished_at), 'UTC'))",
        ),
        *_same(
            (
                c.CLUSTER,
                c.NAMESPACE,
                c.QUEUE,
                c.DEPARTMENT,
                c.PROJECT,
                c.TEMPLATE,
                c.low("outcome", "succeeded, failed, platform, cancelled, invalid, unknown"),
            )
        ),
    ),
    sums=(
        (c.big("runs", "Finished attempts"), "count()"),
        *_summed(
            (
                c.big("pods", "Pods of the attempts"),
                c.big("retries", "Children of Retry nodes beyond the first child of each"),
                *(c.big(f"{reason}_ms", f"Time in `{reason}`, milliseconds") for reason in REASONS),
            )
        ),
        _latency("queue"),
        _latency("start"),
    ),
)

_KEPT = "class NOT IN ('retried', 'reclaimed')"
"""What a run would have cost without tries that were lost."""
RUN_DAILY = Rollup(
    "run_daily",
    "Charges of cost_current by workflow and billing day, of workflows from a template; each day is rebuilt whole",
    day="day",
    day_of="day",
    rows="cost_current",
    source="pod_cost",
    where="workflow_uid != '' AND template != ''",
    by_run=True,
    keys=_same(
        (
            Column("day", "Date", "Billing day, in the billing time zone", codec="Delta(2), ZSTD(1)"),
            c.DEPARTMENT,
            c.CLUSTER,
            c.NAMESPACE,
            c.TEMPLATE,
            c.TEMPLATE_VERSION,
            c.low("currency", "Currency of all amounts in the row"),
            c.WORKFLOW_NAME,
            c.WORKFLOW_UID,
        )
    ),
    sums=(
        (c.money("cost", "Sum of the charges that have a price; NULL: no charge has one"), "sum(cost)"),
        (
            c.money("cost_pending", "Part of cost before main containers started, but for tries that were lost"),
            f"sumIf(cost_pending, {_KEPT})",
        ),
        (c.money("retried", "Part of cost for tries that another try followed"), "sumIf(cost, class = 'retried')"),
        (
            c.money("reclaimed", "Part of cost for pods that the provider took back"),
            "sumIf(cost, class = 'reclaimed')",
        ),
        (
            c.big("pods", "Pods but for tries that were lost, as in all figures that follow"),
            f"countIf(entry = 0 AND {_KEPT})",
        ),
        (c.big("seconds", "Billed time, seconds"), f"sumIf(billed_seconds, {_KEPT})"),
        (
            c.big("vcpu_ms", "Billed vCPUs by time, milliseconds of one vCPU"),
            f"toUInt64(1000 * sumIf(billed_vcpu * billed_seconds, {_KEPT}))",
        ),
        (
            c.big("mib_seconds", "Billed memory by time, MiB and seconds"),
            f"toUInt64(1024 * sumIf(billed_memory_gib * billed_seconds, {_KEPT}))",
        ),
        (
            c.big("spot_seconds", "Part of seconds on spot or best-effort machines"),
            f"sumIf(billed_seconds, purchase IN ('spot', 'best_effort') AND {_KEPT})",
        ),
        (c.big("unpriced", "Charges without a known price"), "countIf(cost IS NULL)"),
        (c.big("accruing", "Charges of pods that still run"), "countIf(status = 'accruing')"),
    ),
)

ROLLUPS: tuple[Rollup, ...] = (COST_DAILY, WORKFLOW_HOURLY, RUN_DAILY)

ROLLUP_STATE = Housekeeping(
    "rollup_state",
    "When a day of a rollup was last rebuilt",
    order_by=("name", "day"),
    columns=(
        c.low("name", "Name of the rollup"),
        Column(
            "day", "Date", "Day of the rollup; 2149-06-06: rows that arrived long enough before built_at are included"
        ),
        Column("version", "UInt64", "Time of the rebuild, Unix milliseconds; the highest counts"),
        c.instant("built_at", "Time of the store's clock just before the rebuild"),
        c.count("run", "Pricing run that was active then; 0: the rollup does not depend on one"),
        INSERTED_AT,
    ),
)

CLAIM = Housekeeping(
    "claim",
    "Which collector does a job that only one may do",
    order_by=("name",),
    columns=(
        c.low("name", "Name of the job"),
        Column("version", "UInt64", "1 more than before; the highest counts"),
        c.text("holder", "Collector that does the job"),
        c.instant("until", "When another collector may take the job"),
        INSERTED_AT,
    ),
)

SHARD_LAYOUT = Housekeeping(
    "shard_layout",
    "The shards of a ClickHouse cluster that rows were written to",
    order_by=("name",),
    columns=(
        c.low("name", "Always `shards`"),
        Column("version", "UInt64", "Time of the record, Unix milliseconds; the highest counts"),
        Column("weights", "Array(UInt32)", "Weight of each shard, in the order of system.clusters", codec="ZSTD(1)"),
        Column(
            "names",
            "Array(String)",
            "Macro `shard` of each shard, in the same order; empty: not known",
            codec="ZSTD(1)",
        ),
        INSERTED_AT,
    ),
)

DELIVERY = Housekeeping(
    "delivery",
    "Reports that were sent, and how far each is",
    order_by=("name", "department", "period"),
    columns=(
        c.low("name", "Name of the report in `delivery.reports`"),
        c.low("department", "Whose costs it shows; `all`: of all"),
        c.text(
            "period",
            "When it was due, in the billing time zone; `by hand` and a time: sent by a command; empty: when the report was "
            "first seen",
        ),
        Column("version", "UInt64", "1 more than before; the highest counts"),
        c.low("state", "claimed, sending, sent, failed, unsure, missed; known: only seen"),
        c.text("holder", "Collector that wrote the row"),
        c.text("mark", "Random name of this step"),
        Column("attempt", "UInt32", "Number of the attempt, from 1"),
        Column("doubts", "UInt32", "Attempts after which it is unknown whether the message arrived"),
        c.instant("due", "When it was due"),
        c.instant("at", "When the state began"),
        c.instant("until", "When another attempt may begin"),
        c.text("receiver", "Mail addresses, or the name of the webhook"),
        c.text("detail", "What the receiver answered, or why it was not sent"),
        INSERTED_AT,
    ),
)

HOUSEKEEPING: tuple[Housekeeping, ...] = (ROLLUP_STATE, CLAIM, SHARD_LAYOUT, DELIVERY)
