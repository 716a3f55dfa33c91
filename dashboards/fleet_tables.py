"""
Tables of Fleet's first screen: which alerts fire, which clusters and which queues are the worst, and where to go next.
"""

from collector.catalog import colours
from collector.catalog import metrics as catalog
from dashboards import promql, uids
from dashboards.fields import NONE, Field, bad
from dashboards.grafana import Line, Panel, Section
from dashboards.inputs import Inputs
from dashboards.links import to_dashboard, to_runbook_of, value_of
from dashboards.tables import TableColumn, table, value
from dashboards.targets import rows_now

HEIGHT = 8

OF = ("namespace", "queue", "cron", "lock", "kind", "table", "disk", "rollup", "department")
"""Labels of an alert that say what it is about, besides its cluster."""


def worst(inputs: Inputs) -> Section:
    """Alerts, clusters and queues."""
    return Section("Where", (Line(HEIGHT, (_firing(inputs), _clusters(inputs), _worst_queues(inputs)), (9, 7, 8)),))


def alerts(severity: str) -> str:
    """The alerts that fire on the chosen clusters, and those about the collector, which have no cluster."""
    return f'ALERTS{{alertstate="firing", severity=~"{severity}", cluster=~"$cluster|"}}'


def _firing(inputs: Inputs) -> Panel:
    active = 'ALERTS_FOR_STATE{severity=~"critical|warning", cluster=~"$cluster|"}'
    firing = alerts("critical|warning")
    labels = ", ".join(("alertname", "severity", "cluster", *OF))
    since = f"time() - min by ({labels}) ({active} and ignoring (alertstate) {firing})"
    named = ", ".join(f'"{label}"' for label in OF)
    about = f'label_replace(label_join({since}, "of", " ", {named}), "of", "-", "of", " *")'
    queue = to_dashboard("Queues of the cluster", uids.QUEUES, cluster=value_of("cluster"))
    columns = (
        TableColumn(
            "severity",
            "Level",
            Field(
                texts={"critical": "page", "warning": "ticket"},
                colours={"critical": colours.BAD, "warning": colours.CAUTION},
            ),
            62,
        ),
        TableColumn("alertname", "Alert", Field(links=to_runbook_of("alertname", inputs.runbooks)), 176),
        TableColumn("cluster", shown=Field(links=[queue]), width=68),
        TableColumn("of", "About", long=True),
        TableColumn(value("A"), "For", Field(unit="s", decimals=1), 80),
    )
    return table(
        "Firing now",
        "Alerts that fire, pages first, and for how long each has held. A name leads to its runbook.",
        [rows_now(f"sort_desc({about})")],
        columns,
        empty="none fires, if the rules are loaded",
        sort="Level",
        rising=True,
    )


def _clusters(inputs: Inputs) -> Panel:
    memory = f"{promql.select(catalog.CONTROLLER_MEMORY)} / {promql.select(catalog.CONTROLLER_MEMORY_LIMIT)}"
    age, full = inputs.of("queue_backlog").seconds("age"), inputs.of("controller_memory_high").share("memory")
    there = to_dashboard("Queues of the cluster", uids.QUEUES, cluster=value_of("cluster"))
    controller = to_dashboard("Its controller", uids.CONTROLLER, cluster=value_of("cluster"))
    columns = (
        TableColumn("cluster", shown=Field(links=[there]), width=113),
        TableColumn(value("A"), "Waiting", Field(decimals=0), 86),
        TableColumn(value("B"), "Oldest", Field(unit="s", decimals=1, empty=NONE, levels=[bad(age)]), 75),
        TableColumn(value("C"), "Running", Field(decimals=0), 75),
        TableColumn(
            value("D"), "Memory", Field(unit="percentunit", decimals=0, levels=[bad(full)], links=[controller]), 78
        ),
    )
    return table(
        "Clusters",
        "Each cluster now. Memory is the fullest controller's share of its limit, red from where ControllerMemoryHigh "
        "begins. A name leads to the queues of the cluster, its memory to its controller.",
        [
            rows_now(promql.waiting("cluster")),
            rows_now(f"max by (cluster) ({promql.select(catalog.QUEUE_OLDEST_AGE)})"),
            rows_now(promql.gauge(catalog.WORKFLOWS, 'reason="running"', by="cluster")),
            rows_now(f"max by (cluster) ({memory})"),
        ],
        columns,
        empty="unknown: no cluster is watched",
        sort="Waiting",
    )


def _worst_queues(inputs: Inputs) -> Panel:
    place = "cluster, namespace, queue"
    age = inputs.of("queue_backlog").seconds("age")
    oldest = f"topk(10, max by ({place}) ({promql.select(catalog.QUEUE_OLDEST_AGE)}) > 0)"
    drain = f"max by ({place}) ({promql.select(catalog.QUEUE_DRAIN)})"
    here = to_dashboard(
        "This queue",
        uids.QUEUES,
        cluster=value_of("cluster"),
        namespace=value_of("namespace"),
        queue=value_of("queue"),
    )
    columns = (
        TableColumn("queue", shown=Field(links=[here]), width=98),
        TableColumn("namespace", width=100),
        TableColumn("cluster", width=72),
        TableColumn(value("A"), "Oldest", Field(unit="s", decimals=1, levels=[bad(age)]), 80),
        TableColumn(value("B"), "Waiting", Field(decimals=0), 66),
        TableColumn(value("C"), "Drains in", Field(unit="s", decimals=1, empty="never"), 78),
    )
    return table(
        "Worst queues",
        "The ten queues whose oldest workflow has waited longest, red from the age at which QueueBacklog pages. "
        "A name leads to the queue.",
        [
            rows_now(oldest),
            rows_now(f"{promql.waiting(place)} and on ({place}) {oldest}"),
            rows_now(f"{drain} and on ({place}) {oldest}"),
        ],
        columns,
        empty="none waits",
        sort="Oldest",
    )
