"""
What limits queues: parallelism and locks, with who holds them. A part of the dashboard of queues.
"""

from collector.catalog import colours
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric
from dashboards import promql, queues_sql
from dashboards.fields import Field, caution
from dashboards.grafana import Line, Panel, Section
from dashboards.inputs import Inputs
from dashboards.links import to_workflow
from dashboards.panels import bar_gauge, series
from dashboards.tables import TableColumn, table, value
from dashboards.targets import now, over_time, rows, rows_now

LIMITS = 8
"""Bars that fit."""
HERE = ("cluster", "namespace")


def sections(inputs: Inputs) -> tuple[Section, ...]:
    """Slots of parallelism, and locks."""
    return _slots(inputs), _locks(inputs)


def _slots(inputs: Inputs) -> Section:
    return Section("What limits them", (Line(8, (_used(inputs), _holding(inputs), _begun()), (10, 7, 7)),))


def _used(inputs: Inputs) -> Panel:
    place = "cluster, namespace"
    slots = promql.gauge(catalog.PARALLELISM_SLOTS, by=place, chosen=HERE)
    limit = promql.once(catalog.PARALLELISM_LIMIT, promql.select(catalog.PARALLELISM_LIMIT, by=HERE))
    full = inputs.of("parallelism_exhausted").share("used")
    return bar_gauge(
        "Slots used of limit",
        "Workflows that hold a slot, of parallelism; a name without a namespace is the limit of the whole cluster. The fullest "
        f"{LIMITS}. Yellow from the share of ParallelismExhausted on.",
        [now(f"sort_desc(topk({LIMITS}, {slots} / on ({place}) ({limit} > 0)))", "{{cluster}} {{namespace}}")],
        Field(
            unit="percentunit",
            decimals=0,
            base=colours.GOOD,
            floor=0,
            ceiling=1,
            levels=[caution(full)],
            empty="none: no limit",
        ),
        links=inputs.runbook("ParallelismExhausted"),
    )


def _holding(inputs: Inputs) -> Panel:
    return series(
        "Slots, by what holds them",
        "Suspended workflows, and workflows that wait for a lock, keep others out and run nothing: SlotsHeldIdle.",
        [over_time(promql.peak(catalog.PARALLELISM_SLOTS, 'namespace!=""', by="by", chosen=HERE) + " > 0", "{{by}}")],
        Field(
            empty="none is held",
            decimals=0,
            colours={by: colours.REASONS[by] for by in ("running", "suspended", "lock")},
        ),
        draw="area",
        links=inputs.runbook("SlotsHeldIdle"),
    )


def _begun() -> Panel:
    return series(
        "Begun, not running, by reason",
        "Workflows whose work began and that run nothing now, by what they wait for.",
        [
            over_time(
                promql.peak(catalog.WORKFLOWS, 'reason!="running"', by="reason", chosen=HERE) + " > 0", "{{reason}}"
            )
        ],
        Field(empty="none waits", decimals=0, colours=colours.REASONS),
        draw="area",
    )


LOCK = "cluster, lock, type"


def _locks(inputs: Inputs) -> Section:
    return Section("Locks", (Line(6, (_lock_states(inputs),)), Line(6, (_holders(),))))


def _lock_states(inputs: Inputs) -> Panel:
    def of(metric: Metric) -> str:
        # The namespace is the begin of a lock's name.
        return promql.once(metric, promql.select(metric, 'lock=~"$namespace/.*"'))

    waiting, held, idle = of(catalog.LOCK_WAITING), of(catalog.LOCK_HELD), of(catalog.LOCK_HOLDERS_IDLE)
    used = f"(({waiting} + {held}) > 0)"
    state = f"({waiting} > bool 0) * (1 + ({held} > bool 0) * ({idle} >= bool {held}))"
    shown = [
        f"{expr} and on ({LOCK}) {used}"
        for expr in (state, waiting, of(catalog.LOCK_OLDEST_WAIT), held, of(catalog.LOCK_HOLDER_AGE))
    ]
    age = inputs.of("lock_held_too_long").seconds("age")
    return table(
        "Locks",
        "Locks that are held or waited for. Holders idle: each is suspended or waits itself; LockDeadlock pages if that "
        "lasts. Held for is coloured from the age of LockHeldTooLong on.",
        [*(rows_now(expr) for expr in shown), rows_now(f"{of(catalog.LOCK_LIMIT)} and on ({LOCK}) {used}")],
        (
            TableColumn("lock"),
            TableColumn("cluster", width=90),
            TableColumn(
                value("A"),
                "State",
                Field(texts={"0": "nothing waits", "1": "moves", "2": "holders idle"}, colours={"2": colours.CAUTION}),
                110,
            ),
            TableColumn(value("B"), "Waiting", Field(decimals=0), 75),
            TableColumn(value("C"), "Oldest wait", Field(unit="s", decimals=1), 100),
            TableColumn(value("D"), "Held", Field(decimals=0), 60),
            TableColumn(value("F"), "Of", Field(decimals=0, empty="unknown"), 50),
            TableColumn(value("E"), "Held for", Field(unit="s", decimals=1, levels=[caution(age)]), 90),
        ),
        empty="none is held or waited for",
        sort="Waiting",
        links=inputs.runbook("LockDeadlock"),
    )


def _holders() -> Panel:
    first = [to_workflow("The one that waits longest")]
    return table(
        "Who holds a lock, and who is next",
        "By lock, the holders that Argo names to the workflow that has waited longest.",
        [rows(queues_sql.LOCK_HOLDERS)],
        (
            TableColumn("name_of_lock", "Lock"),
            TableColumn("cluster", width=90),
            TableColumn("words", "Limit and holders", long=True),
            TableColumn("first_in_line", "Waits longest", Field(links=first), 170),
            TableColumn("waiting", "Waiting", Field(decimals=0), 80),
            TableColumn("longest", "Longest", Field(unit="s", decimals=1), 80),
            *(TableColumn(name, hidden=True) for name in ("uid", "from_ms", "to_ms")),
        ),
        empty="none waits for a lock",
    )
