"""
Sums that are kept beside the rows they come from, and the few tables of the store's own housekeeping; none has a fact.

A rollup is declared by what each of its columns is computed by, so that who rebuilds it and who reads the rows that
it does not hold yet ask the same question. A day of it is replaced whole, never added to.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from collector.catalog import columns as c
from collector.catalog.columns import INSERTED_AT, Column
from collector.catalog.schema import DATABASE
from collector.core.model import REASONS

SLOW_S = 120
"""A row may become visible so long after its `inserted_at`: twice the time after which an inserter gives up and sends again."""
ROUND = "toDate(65535)"
"""The day under which rollup_state says until when everything was looked at; no charge is of that day, in 2149."""
RUN_OF = "if(active_run = 0, 1, active_run)"
"""A month that has no period yet is of the first run."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """Sums of a source's rows under some columns of theirs, by day."""

    name: str
    meaning: str
    day: str
    """The column that it is partitioned by; it is part of the source's key, so that no row ever moves to another day."""
    day_of: str
    """That day of a row of the source."""
    rows: str
    """The source as sums want it: one row a key, of the active runs."""
    source: str
    """The table whose new rows make a day stale."""
    keys: tuple[tuple[Column, str], ...]
    sums: tuple[tuple[Column, str], ...]
    where: str = "1"
    by_run: bool = False
    """Whether a month's turn to another pricing run makes its days stale."""
    engine: str = "ReplacingMergeTree"
    engine_args: tuple[str, ...] = ("inserted_at",)
    ttl: str = ""
    bloom: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns as the store has them."""
        return (*(column for column, _ in (*self.keys, *self.sums)), INSERTED_AT)

    @property
    def order_by(self) -> tuple[str, ...]:
        return tuple(column.name for column, _ in self.keys)

    @property
    def partition(self) -> str:
        return self.day

    @property
    def names(self) -> str:
        """The columns that are computed."""
        return ", ".join(f"`{column.name}`" for column, _ in (*self.keys, *self.sums))

    def computed(self, where: str) -> str:
        """SQL: the sums anew from the source's rows; columns stand as in `names` and have no names of their own."""
        made = ", ".join(expression for _, expression in (*self.keys, *self.sums))
        keys = ", ".join(expression for _, expression in self.keys)
        return f"SELECT {made} FROM {DATABASE}.{self.rows} WHERE {self.where} AND {where} GROUP BY {keys}"

    def kept(self, where: str, keys: Iterable[str], sums: Iterable[str]) -> str:
        """SQL: some of its columns as they are kept, columns as `summed` has them."""
        chosen = ", ".join((*(f"`{key}`" for key in keys), *(f"`{name}` AS `sum_{name}`" for name in sums)))
        return f"SELECT {chosen} FROM {DATABASE}.{self.name} WHERE {where}"

    def summed(self, where: str, keys: Iterable[str], sums: Iterable[str]) -> str:
        """
        SQL: some of the sums anew from the source's rows, by any of its columns.

        A sum of `cost` is called `sum_cost`: an alias `cost` would be what the other expressions count.
        """
        known = {column.name: expression for column, expression in (*self.keys, *self.sums)}
        by = [known.get(key, f"`{key}`") for key in keys]
        chosen = ", ".join((*by, *(f"{known[name]} AS `sum_{name}`" for name in sums)))
        return f"SELECT {chosen} FROM {DATABASE}.{self.rows} WHERE {self.where} AND {where} GROUP BY {', '.join(by)}"

    def stale(self) -> str:
        """
        SQL: days that may have rows which the rollup does not hold, newest first, and the run that counts for each.

        A day is stale until it was rebuilt `SLOW_S` after its newest row: what an insert was slow with is not missed.
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
        turned = f"""
            SELECT built.day FROM (SELECT day, run FROM {state} != {ROUND}) AS built
            LEFT JOIN {months} ON period.month = toStartOfMonth(built.day) WHERE run != {RUN_OF}
        """
        return f"""
            SELECT of_day, {RUN_OF} FROM ({sql} UNION DISTINCT {turned}) AS stale
            LEFT JOIN {months} ON period.month = toStartOfMonth(of_day) ORDER BY of_day DESC
        """


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """A small table by which collectors tell one another what they do to the store; the newest row of a key counts."""

    name: str
    meaning: str
    order_by: tuple[str, ...]
    columns: tuple[Column, ...]
    engine: str = "ReplacingMergeTree"
    engine_args: tuple[str, ...] = ("version",)
    partition: str = ""
    ttl: str = ""
    bloom: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()


def _same(*shared: Column) -> tuple[tuple[Column, str], ...]:
    """Columns that are the source's own."""
    return tuple((column, f"`{column.name}`") for column in shared)


def _summed(*shared: Column) -> tuple[tuple[Column, str], ...]:
    return tuple((column, f"sum(`{column.name}`)") for column in shared)


COST_DAILY = Rollup(
    "cost_daily", "Charges of cost_current by billing day, a day rebuilt whole", day="day", day_of="day",
    rows="cost_current", source="pod_cost", by_run=True,
    keys=_same(
        Column("day", "Date", "Billing day, in the billing time zone", codec="Delta(2), ZSTD(1)"),
        c.DEPARTMENT, c.CLUSTER, c.NAMESPACE, c.PROJECT, c.TEMPLATE,
        c.low("product", "Product of the price book"),
        c.REGION,
        c.low("purchase", "on_demand, spot, best_effort, reserved"),
        c.low("class", "useful, failed, cancelled, retried, reclaimed"),
        c.low("currency", "Currency of every amount of the row"),
    ),
    sums=(
        *_summed(
            c.money("cost", "Sum of the charges that have a price; NULL: none has"),
            c.money("cost_pending", "The part before main started"),
            c.money("list_cost", "Before discounts, of the charges whose list price is known"),
        ),
        (c.big("pods", "Pods, each once a billing day"), "countIf(entry = 0)"),
        (c.big("seconds", "Seconds billed"), "sum(billed_seconds)"),
        (c.big("unpriced", "Charges without a known price"), "countIf(cost IS NULL)"),
        (c.big("accruing", "Charges of pods that run"), "countIf(status = 'accruing')"),
        # Hashes and not a state: who asks for those that succeeded can choose among them. 8 bytes a workflow.
        (Column("workflows", "Array(UInt64)", "sipHash64 of the uids of its workflows: uniqExactArray counts them",
                codec="ZSTD(1)"), "arraySort(groupUniqArray(sipHash64(workflow_uid)))"),
    ),
)  # fmt: skip

DIGEST = "AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Nullable(UInt64))"
WORKFLOW_HOURLY = Rollup(
    "workflow_hourly", "Finished attempts of workflow_run by the hour they finished; a day of creation rebuilt whole",
    day="created_day", day_of="toDate(created_at)", rows="workflow_run FINAL", source="workflow_run",
    where="finished_at IS NOT NULL",
    keys=(
        (Column("created_day", "Date", "Day on which the workflows were created, UTC", codec="Delta(2), ZSTD(1)"),
         "toDate(created_at)"),
        (Column("hour", "DateTime('UTC')", "Hour in which they finished", codec="Delta(4), ZSTD(1)"),
         "toStartOfHour(toDateTime(assumeNotNull(finished_at), 'UTC'))"),
        *_same(c.CLUSTER, c.NAMESPACE, c.QUEUE, c.DEPARTMENT, c.PROJECT, c.TEMPLATE,
               c.low("outcome", "succeeded, failed, platform, cancelled, invalid, unknown")),
    ),
    sums=(
        (c.big("runs", "Attempts"), "count()"),
        *_summed(
            c.big("pods", "Pods of them"), c.big("retries", "Children of Retry nodes beyond the first of each"),
            *(c.big(f"{reason}_ms", f"Time in `{reason}`, milliseconds") for reason in REASONS),
        ),
        *(
            (Column(f"{what}_latency", DIGEST, f"quantilesTDigestMerge(0.5, 0.95, 0.99) tells the {what} latency, about"),
             f"quantilesTDigestState(0.5, 0.95, 0.99)({what}_latency_ms)")
            for what in ("queue", "start")
        ),
    ),
)  # fmt: skip

ROLLUPS: tuple[Rollup, ...] = (COST_DAILY, WORKFLOW_HOURLY)

ROLLUP_STATE = Housekeeping(
    "rollup_state", "When a day of a rollup was last rebuilt", order_by=("name", "day"),
    columns=(
        c.low("name", "The rollup's name"),
        Column("day", "Date", "The day; 2149-06-06: rows taken long enough before built_at are in, of whatever day"),
        Column("version", "UInt64", "The instant as milliseconds; the higher one stays"),
        c.at("built_at", "The store's clock just before"),
        c.count("run", "The pricing run that counted then; 0: none does for this rollup"),
        INSERTED_AT,
    ),
)  # fmt: skip

CLAIM = Housekeeping(
    "claim", "Which collector does a job that one is enough for", order_by=("name",),
    columns=(
        c.low("name", "The job"),
        Column("version", "UInt64", "Milliseconds, or one more than before; the higher one stays"),
        c.text("holder", "Who does it"),
        c.at("until", "Until when nobody else takes it"),
        INSERTED_AT,
    ),
)  # fmt: skip

HOUSEKEEPING: tuple[Housekeeping, ...] = (ROLLUP_STATE, CLAIM)
