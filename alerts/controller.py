"""
Alerts about the Argo controller. A queue that does not drain often has this cause, so these fire first.
"""

from alerts.numbers import Numbers
from alerts.promql import increase, once, rate, total
from alerts.rules import Alert, Builder, Recording
from alerts.text import COUNT
from collector.catalog import metrics as catalog

CONTAINER = ("cluster", "container")
WHERE = "{{ $labels.container }} on {{ $labels.cluster }}"

POD = ("cluster", "pod")
CLEANUP = "pod_cleanup_queue|workflow_ttl_queue|workflow_archive_queue"
"""The controller's work queues that remove what is finished; the others move workflows."""
PANIC = "OperationPanic"

MEMORY = f"cluster_pod:{catalog.CONTROLLER_MEMORY.name}:ratio"
LEADING = f"cluster:{catalog.CONTROLLER_LEADER.name}:sum_ready"

RECORDINGS = (
    Recording(
        record=MEMORY,
        expr=(
            f"{once(catalog.CONTROLLER_MEMORY, catalog.CONTROLLER_MEMORY.name)}\n"
            f"/ on (cluster, pod) {once(catalog.CONTROLLER_MEMORY_LIMIT, catalog.CONTROLLER_MEMORY_LIMIT.name)}"
        ),
    ),
    Recording(
        # A Lease may name a pod that is gone or not ready: such a pod does not lead. Where no leader is known, no series.
        record=LEADING,
        expr=(
            f"sum by (cluster) ({once(catalog.CONTROLLER_LEADER, catalog.CONTROLLER_LEADER.name)}\n"
            f"* on (cluster, pod) {once(catalog.CONTROLLER_READY, catalog.CONTROLLER_READY.name)})"
        ),
    ),
)


def _kills(numbers: Numbers) -> str:
    kills = numbers.of(catalog.CONTROLLER_OOM_KILLS)
    return increase(catalog.CONTROLLER_OOM_KILLS, kills, numbers.span("window"), "cluster, container")


def _at_least(count: float) -> str:
    """A bound for `increase()`, which extrapolates: whole events do not give whole numbers."""
    return f">= {count - 0.5:g}"


def controller_oom_killed(numbers: Numbers) -> Alert:
    """Exact, from the status of its pod; no other system counts these kills."""
    return Alert(
        name="ControllerOOMKilled",
        # No hold: the counter is exact, and one kill is one too many.
        expr=f"{_kills(numbers)} > 0",
        severity="critical",
        summary="An Argo controller was OOM-killed.",
        description=(
            f"The kubelet reports OOMKilled for {WHERE}: {COUNT} time(s) in {numbers.words('window')}. "
            "If no replica leads, ControllerNoLeader fires as well."
        ),
        keep_firing=numbers.span("keep"),
        labels=CONTAINER,
    )


def controller_oom_loop(numbers: Numbers) -> Alert:
    """It does not recover by itself: another remedy than for a single kill."""
    return Alert(
        name="ControllerOOMLoop",
        expr=f"{_kills(numbers)} {_at_least(numbers['kills'])}",
        severity="critical",
        summary="An Argo controller is OOM-killed again and again.",
        description=(
            f"The kubelet reports OOMKilled for {WHERE}: {COUNT} times in {numbers.words('window')}. "
            "It will not recover by itself: raise its memory limit now."
        ),
        keep_firing=numbers.span("keep"),
        labels=CONTAINER,
    )


def controller_oom_predicted(numbers: Numbers) -> Alert:
    """Minutes of warning before a kill, which the alert about high memory does not give where memory grows fast."""
    memory, window, ahead = numbers.of(MEMORY), numbers.span("window"), numbers.seconds("ahead")
    expr = (
        f"100 * {memory} > {numbers['memory']}",
        f"and predict_linear({memory}[{window}], {ahead}) > 1",
        # A restart frees memory, and its list at the start takes some again: neither is growth. Without a value of before
        # the window, as in the first minutes of a pod, nothing is predicted.
        f"and {memory} > {memory} offset {window}",
        f"and deriv({memory}[{numbers.span('lately')}]) > 0",
    )
    return Alert(
        name="ControllerOOMPredicted",
        expr="\n".join(expr),
        severity="warning",
        summary="An Argo controller is about to be OOM-killed.",
        description=(
            f"{{{{ $labels.pod }}}} on {{{{ $labels.cluster }}}} uses {COUNT} % of its memory limit, and at the present pace "
            f"reaches the limit within {numbers.words('ahead')}."
        ),
        hold=numbers.span("hold"),
        keep_firing=numbers.span("keep"),
        labels=POD,
        needs_watch=True,
    )


def controller_memory_high(numbers: Numbers) -> Alert:
    """A slow creep that no prediction over minutes sees."""
    return Alert(
        name="ControllerMemoryHigh",
        expr=f"100 * {numbers.of(MEMORY)} > {numbers['memory']}",
        severity="warning",
        summary="An Argo controller is close to its memory limit.",
        description=(
            f"{{{{ $labels.pod }}}} on {{{{ $labels.cluster }}}} uses {COUNT} % of its memory limit, for more than "
            f"{numbers.words('hold')}. At 100 % it is killed."
        ),
        hold=numbers.span("hold"),
        labels=POD,
        needs_watch=True,
    )


def controller_no_leader(numbers: Numbers) -> Alert:
    """Nothing starts, whatever the cause."""
    return Alert(
        name="ControllerNoLeader",
        expr=f"{numbers.of(LEADING)} == 0",
        severity="critical",
        summary="No replica of the Argo controller leads.",
        description=(
            "No replica of the Argo controller on {{ $labels.cluster }} has been both ready and the leader for "
            f"{numbers.words('hold')}. Nothing starts there, and no step advances."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


def controller_down(numbers: Numbers) -> Alert:
    """All replicas at once: an image, a node or a configuration, not a failover."""
    return Alert(
        name="ControllerDown",
        expr=f"max by (cluster) ({numbers.of(catalog.CONTROLLER_READY)}) == 0",
        severity="critical",
        summary="No pod of the Argo controller is ready.",
        description=(
            f"No pod of the Argo controller on {{{{ $labels.cluster }}}} has been ready for {numbers.words('hold')}. "
            "Nothing starts there, and no step advances."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


def controller_missing(numbers: Numbers) -> Alert:
    """Scaled to 0, deleted or renamed: no pod is left that could be not ready."""
    ready = f"max by (cluster) ({catalog.CONTROLLER_READY.name})"
    return Alert(
        name="ControllerMissing",
        expr=f"max by (cluster) ({numbers.of(catalog.CLUSTER_UP)}) == 1\nunless on (cluster) {ready}",
        severity="critical",
        summary="A cluster has no pod of an Argo controller.",
        description=(
            f"{{{{ $labels.cluster }}}} is watched, and for {numbers.words('hold')} it has had no pod of an Argo controller. "
            "Either it is scaled to 0, or controller_namespace names another namespace."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
    )


def controller_crash_looping(numbers: Numbers) -> Alert:
    """Restarts that are not OOM kills: a panic, a probe, a configuration that it cannot read."""
    restarts = numbers.of(catalog.CONTROLLER_RESTARTS, 'reason!="oom"')
    grown = increase(catalog.CONTROLLER_RESTARTS, restarts, numbers.span("window"), "cluster, container")
    return Alert(
        name="ControllerCrashLooping",
        expr=f"{grown} {_at_least(numbers['restarts'])}",
        severity="critical",
        summary="An Argo controller restarts again and again.",
        description=f"{WHERE} ended {COUNT} times in {numbers.words('window')}, and not by an OOM kill.",
        keep_firing=numbers.span("keep"),
        labels=CONTAINER,
    )


def controller_replica_not_ready(numbers: Numbers) -> Alert:
    """A lost spare is noticed only when the next failover fails."""
    not_ready = f"{once(catalog.CONTROLLER_READY, numbers.of(catalog.CONTROLLER_READY))} == 0"
    return Alert(
        name="ControllerReplicaNotReady",
        expr=f"count by (cluster) ({not_ready})\nand on (cluster) max by (cluster) ({catalog.CONTROLLER_READY.name}) == 1",
        severity="warning",
        summary="A replica of the Argo controller is not ready.",
        description=(
            f"{COUNT} pod(s) of the Argo controller on {{{{ $labels.cluster }}}} are not ready, for more than "
            f"{numbers.words('hold')}. Another pod is ready; no spare is left for the next failover."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


def controller_leader_flapping(numbers: Numbers) -> Alert:
    """Each change stops the cluster for half a minute."""
    changes = numbers.of(catalog.CONTROLLER_LEADER_CHANGES)
    grown = increase(catalog.CONTROLLER_LEADER_CHANGES, changes, numbers.span("window"), "cluster")
    return Alert(
        name="ControllerLeaderFlapping",
        expr=f"{grown} {_at_least(numbers['changes'])}",
        severity="warning",
        summary="The leader of the Argo controller changes again and again.",
        description=(
            f"The Lease of the Argo controller on {{{{ $labels.cluster }}}} went to another holder {COUNT} times in "
            f"{numbers.words('window')}. Each time nothing starts for up to half a minute."
        ),
        labels=("cluster",),
    )


def controller_work_queue_deep(numbers: Numbers) -> Alert:
    """The controller does not keep up: every workflow is late, and its memory grows."""
    keys = numbers.of(catalog.CONTROLLER_WORK_QUEUE, f'work_queue!~"{CLEANUP}"')
    growth = f"max by (cluster, work_queue) (deriv({keys}[{numbers.span('window')}]))"
    return Alert(
        name="ControllerWorkQueueDeep",
        expr=(
            f"{total(catalog.CONTROLLER_WORK_QUEUE, keys, 'cluster, work_queue')} > {numbers['keys']}\n"
            f"and on (cluster, work_queue) {growth} > 0"
        ),
        severity="warning",
        summary="An Argo controller does not keep up.",
        description=(
            f"{COUNT} keys wait in {{{{ $labels.work_queue }}}} of the Argo controller on {{{{ $labels.cluster }}}}, and their "
            "number grows. Workflows advance late."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "work_queue"),
        needs_watch=True,
    )


def controller_cleanup_behind(numbers: Numbers) -> Alert:
    """Finished workflows and pods pile up in the cluster, and then in the controller's memory."""
    keys = numbers.of(catalog.CONTROLLER_WORK_QUEUE, f'work_queue=~"{CLEANUP}"')
    return Alert(
        name="ControllerCleanupBehind",
        expr=f"{total(catalog.CONTROLLER_WORK_QUEUE, keys, 'cluster, work_queue')} > {numbers['keys']}",
        severity="warning",
        summary="An Argo controller does not remove what is finished.",
        description=(
            f"{COUNT} keys wait in {{{{ $labels.work_queue }}}} of the Argo controller on {{{{ $labels.cluster }}}}, "
            f"for more than {numbers.words('hold')}. Finished pods and workflows stay, and the controller holds them in memory."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "work_queue"),
        needs_watch=True,
    )


def controller_errors(numbers: Numbers) -> Alert:
    """One panic is a fault of Argo or of one workflow; other errors are one when they are many."""
    window = numbers.span("window")
    panics, others = (numbers.of(catalog.CONTROLLER_ERRORS, f'cause{sign}"{PANIC}"') for sign in ("=", "!="))
    bound = round(numbers["rate"] * numbers.seconds("window") / 60, 3)
    return Alert(
        name="ControllerErrors",
        expr=(
            f"{increase(catalog.CONTROLLER_ERRORS, panics, window, 'cluster, cause')} > 0\n"
            f"or {increase(catalog.CONTROLLER_ERRORS, others, window, 'cluster, cause')} > {bound:g}"
        ),
        severity="warning",
        summary="An Argo controller counts errors.",
        description=(
            f"The Argo controller on {{{{ $labels.cluster }}}} counted {COUNT} error(s) of cause {{{{ $labels.cause }}}} in "
            f"{numbers.words('window')}. Its log has them."
        ),
        keep_firing=numbers.span("keep"),
        labels=("cluster", "cause"),
    )


def controller_api_throttled(numbers: Numbers) -> tuple[Alert, ...]:
    """Everything is late, although the controller has work and processors; each side has another remedy."""
    window = numbers.span("window")
    requests = numbers.of(catalog.CONTROLLER_API_REQUESTS)
    refused = numbers.of(catalog.CONTROLLER_API_REQUESTS, 'code="429"')
    all_of_them = increase(catalog.CONTROLLER_API_REQUESTS, requests, window, "cluster")
    enough = f"and on (cluster) {all_of_them} >= {numbers['requests']}"
    waited = rate(catalog.CONTROLLER_API_WAIT, numbers.of(catalog.CONTROLLER_API_WAIT), window, "cluster")
    by_server = (
        f"100 * {increase(catalog.CONTROLLER_API_REQUESTS, refused, window, 'cluster')}\n"
        f"/ on (cluster) {all_of_them} > {numbers['refused']}\n{enough}"
    )
    by_client = (
        f"{waited}\n/ on (cluster) {rate(catalog.CONTROLLER_API_REQUESTS, requests, window, 'cluster')}"
        f" > {numbers.seconds('wait')}\n{enough}"
    )
    of_whom = "of the Argo controller on {{ $labels.cluster }}"
    return (
        _throttled(
            numbers,
            "api-server",
            by_server,
            f"The API server refuses {COUNT} % of the requests {of_whom} with status 429. Workflows advance late.",
        ),
        _throttled(
            numbers,
            "client",
            by_client,
            f'Requests {of_whom} wait {{{{ $value | printf "%.1f" }}}} s on average for its own limit, --qps and --burst. '
            "Workflows advance late.",
        ),
    )


def _throttled(numbers: Numbers, limit: str, expr: str, description: str) -> Alert:
    return Alert(
        name="ControllerAPIThrottled",
        expr=expr,
        severity="warning",
        summary="Requests of an Argo controller are throttled.",
        description=description,
        hold=numbers.span("hold"),
        labels=("cluster",),
        more_labels={"limit": limit},
    )


BUILDERS: tuple[Builder, ...] = (
    controller_oom_killed,
    controller_oom_loop,
    controller_oom_predicted,
    controller_memory_high,
    controller_no_leader,
    controller_down,
    controller_missing,
    controller_crash_looping,
    controller_replica_not_ready,
    controller_leader_flapping,
    controller_work_queue_deep,
    controller_cleanup_behind,
    controller_errors,
    controller_api_throttled,
)
