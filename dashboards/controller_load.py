"""
Whether Argo's controllers keep up: their work queues, workers, errors and requests. A part of the dashboard of controllers.

What the controllers say themselves is there only where their own metrics can be read.
"""

from collector.catalog import colours
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric
from dashboards import promql, uids
from dashboards.fields import Field, bad, caution
from dashboards.grafana import Line, Panel, Section
from dashboards.inputs import Inputs
from dashboards.links import label_of, to_dashboard
from dashboards.panels import series
from dashboards.targets import over_time

LINES = 8
UNREAD = "unknown: the controllers' own metrics are not read"
A_SECOND = "suffix: /s"
A_MINUTE = "suffix: /min"
SECONDS = "suffix: s"
"""For axes of powers of ten, where milliseconds, minutes and hours side by side cannot be compared."""
STEP = "1m"
"""Shorter steps of counters are a comb."""


def sections(inputs: Inputs) -> tuple[Section, ...]:
    """What waits in the controllers, what they do, and what surrounds them."""
    return (
        Section("Do they keep up", (Line(8, (_unseen(inputs), _work_queues(inputs), _workers())),)),
        Section("Errors and requests", (Line(8, (_errors(inputs), _requests(), *_throttled(inputs))),)),
        Section("What they carry", (Line(8, (_pod_starts(inputs), _events(), _live())),)),
    )


def _top(expr: str, metric: Metric, by: str, *matchers: str) -> str:
    return promql.top(LINES, expr, promql.highest(metric, *matchers, by=by), by)


def _unseen(inputs: Inputs) -> Panel:
    new = 'reason="unseen"'
    return series(
        "Not picked up, by cluster",
        "New workflows that no controller has processed: the first sign that none leads. The line is the number of "
        "ControllerNotPickingUp.",
        [
            over_time(
                _top(promql.peak(catalog.QUEUE_DEPTH, new, by="cluster"), catalog.QUEUE_DEPTH, "cluster", new),
                "{{cluster}}",
            )
        ],
        Field(
            empty="none waits",
            decimals=0,
            levels=[bad(inputs.of("controller_not_picking_up")["unseen"])],
            links=[to_dashboard("Queues of the cluster", uids.QUEUES, cluster=label_of("cluster"))],
        ),
        links=inputs.runbook("ControllerNotPickingUp"),
    )


def _work_queues(inputs: Inputs) -> Panel:
    by = "cluster, work_queue"
    deep, behind = inputs.of("controller_work_queue_deep")["keys"], inputs.of("controller_cleanup_behind")["keys"]
    return series(
        "Work queues",
        f"Keys that wait inside the controllers, of the {LINES} deepest. Lines: ControllerCleanupBehind for queues that remove "
        "what is finished, above it ControllerWorkQueueDeep for the others.",
        [
            over_time(
                _top(promql.peak(catalog.CONTROLLER_WORK_QUEUE, by=by), catalog.CONTROLLER_WORK_QUEUE, by),
                "{{cluster}} {{work_queue}}",
            )
        ],
        Field(empty=UNREAD, decimals=0, levels=[caution(behind), caution(deep)]),
        links=inputs.runbook("ControllerWorkQueueDeep"),
    )


def _workers() -> Panel:
    by = "cluster, worker_type"
    return series(
        "Workers busy",
        f"Workers at work, the highest of each step, of the {LINES} busiest kinds. A flat top is the number "
        "that --workflow-workers or another option allows.",
        [
            over_time(
                _top(promql.peak(catalog.CONTROLLER_WORKERS_BUSY, by=by), catalog.CONTROLLER_WORKERS_BUSY, by),
                "{{cluster}} {{worker_type}}",
            )
        ],
        Field(empty=UNREAD, decimals=0),
    )


def _errors(inputs: Inputs) -> Panel:
    each = promql.per_minute(promql.rate(catalog.CONTROLLER_ERRORS, by="cluster, cause"))
    return series(
        "Errors, by cause",
        "Errors a minute that the controllers count. The line is the rate of ControllerErrors; one OperationPanic "
        "is enough.",
        [over_time(f"topk({LINES}, {each} > 0)", "{{cluster}} {{cause}}")],
        Field(
            unit=A_MINUTE,
            empty="none counted, or the controllers' own metrics are not read",
            levels=[caution(inputs.of("controller_errors")["rate"])],
        ),
        interval="5m",
        links=inputs.runbook("ControllerErrors"),
    )


def _requests() -> Panel:
    return series(
        "API requests, by status",
        "Requests of the controllers to their API servers. 409 is an update that lost a race, and is repeated; 429 is refused.",
        [over_time(promql.rate(catalog.CONTROLLER_API_REQUESTS, by="code"), "{{code}}")],
        Field(
            unit=A_SECOND,
            empty=UNREAD,
            colours={"200": colours.GOOD, "201": colours.ACCENT, "409": colours.CAUTION, "429": colours.BAD},
        ),
        draw="area",
        interval=STEP,
    )


def _throttled(inputs: Inputs) -> tuple[Panel, Panel]:
    numbers = inputs.of("controller_api_throttled")
    every = promql.rate(catalog.CONTROLLER_API_REQUESTS, by="cluster")
    refused = promql.rate(catalog.CONTROLLER_API_REQUESTS, 'code="429"', by="cluster")
    by_server = series(
        "Refused with 429",
        "Share of the requests that the API server refused. The line is the share of ControllerAPIThrottled.",
        [over_time(f"topk({LINES}, (({refused}) or 0 * {every}) / ({every} > 0))", "{{cluster}}")],
        Field(unit="percentunit", empty=UNREAD, levels=[caution(numbers.share("refused"))]),
        interval=STEP,
        links=inputs.runbook("ControllerAPIThrottled"),
    )
    waited = promql.rate(catalog.CONTROLLER_API_WAIT, by="cluster")
    by_client = series(
        "Waits for --qps",
        "How long a request waits on average for the controller's own limit, --qps. The line is the wait of "
        "ControllerAPIThrottled.",
        [over_time(f"topk({LINES}, {waited} / ({every} > 0))", "{{cluster}}")],
        Field(unit="s", empty=UNREAD, levels=[caution(numbers.seconds("wait"))]),
        interval=STEP,
        links=inputs.runbook("ControllerAPIThrottled"),
    )
    return by_server, by_client


def _pod_starts(inputs: Inputs) -> Panel:
    return series(
        "Time until pods run",
        "From a pod's first appearance to its main container running: if it grows, the cluster or the cloud is slow, not the "
        "controller. The line is the p95 of PodStartSlow.",
        [over_time(promql.quantile(share, catalog.POD_START_LATENCY), f"p{share * 100:g}") for share in (0.5, 0.95)],
        Field(unit=SECONDS, empty="none started", levels=[caution(inputs.of("pod_start_slow").seconds("p95"))]),
        log=True,
        interval=STEP,
        links=inputs.runbook("PodStartSlow"),
    )


def _events() -> Panel:
    return series(
        "Events a second",
        "Changes of objects that Lynceus saw, by kind; a controller receives those of workflows and pods as well. "
        "A storm comes before an OOM kill.",
        [over_time(promql.rate(catalog.WATCH_EVENTS, by="kind") + " > 0", "{{kind}}")],
        Field(unit=A_SECOND, empty="none seen"),
        draw="area",
        interval=STEP,
    )


def _live() -> Panel:
    begun, waiting = (promql.once(metric, _peak(metric)) for metric in (catalog.WORKFLOWS, catalog.QUEUE_DEPTH))
    ranks = promql.highest(catalog.QUEUE_DEPTH, by="cluster")
    return series(
        "Live workflows",
        f"Workflows that are not finished, waiting ones included: what a controller holds in memory. The {LINES} clusters with "
        "the deepest queues.",
        [over_time(promql.top(LINES, f"sum by (cluster) ({begun} or {waiting})", ranks, "cluster"), "{{cluster}}")],
        Field(empty="none is live", decimals=0),
        draw="area",
    )


def _peak(metric: Metric) -> str:
    return f"max_over_time({promql.select(metric)}[$__rate_interval])"
