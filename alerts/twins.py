"""
Twins: alerts for those who have only Argo's own series and those of kube-state-metrics, and no Lynceus collector.

They see less: no queue of workflows, no reason of a wait, no money. They are files of their own, since with a collector the
alerts of the other topics fire for the same incidents, earlier and with more to say.
"""

from alerts import foreign
from alerts.foreign import CONTAINER, CONTROLLER
from alerts.numbers import Numbers
from alerts.promql import increase, observed, once, quantile, total
from alerts.rules import Alert, Builder, Recording
from alerts.text import COUNT

RECORDINGS: tuple[Recording, ...] = ()

# The pod of the manifests is workflow-controller-…, that of the Helm chart RELEASE-argo-workflows-workflow-controller-….
PODS = ('pod=~".*workflow-controller.*"', 'container=~"workflow-controller|controller"')
BY_CONTAINER, BY_CONTROLLER = ", ".join(CONTAINER), ", ".join(CONTROLLER)
ON_CLUSTER = "{{ if $labels.cluster }} on {{ $labels.cluster }}{{ end }}"
POD = f"{{{{ $labels.namespace }}}}/{{{{ $labels.pod }}}}{ON_CLUSTER}"
OF_CONTROLLER = f"the Argo controller {{{{ $labels.job }}}}{ON_CLUSTER}"
MOVING = 'queue_name=~"workflow_queue|cron_wf_queue"'
PANIC = "OperationPanic"


def argo_controller_oom_killed(numbers: Numbers) -> Alert:
    """A restart, and the reason of the last end; of several kills between two scrapes it counts what the kubelet counts."""
    grown = increase(foreign.RESTARTS, numbers.of(foreign.RESTARTS, *PODS), numbers.span("window"), BY_CONTAINER)
    last = numbers.of(foreign.LAST_TERMINATED, *PODS, 'reason="OOMKilled"')
    return Alert(
        name="ArgoControllerOOMKilled",
        expr=f"{grown} > 0\nand on ({BY_CONTAINER}) max by ({BY_CONTAINER}) ({last}) == 1",
        severity="critical",
        summary="An Argo controller restarted after an OOM kill.",
        description=f"{POD} restarted {COUNT} time(s) in {numbers.words('window')}, the last time after an OOM kill.",
        keep_firing=numbers.span("keep"),
        labels=CONTAINER,
    )


def argo_controller_crash_looping(numbers: Numbers) -> Alert:
    """Restarts do not help, whatever ends it."""
    waiting = numbers.of(foreign.WAITING, *PODS, 'reason="CrashLoopBackOff"')
    return Alert(
        name="ArgoControllerCrashLooping",
        expr=f"max by ({BY_CONTAINER}) (max_over_time({waiting}[{numbers.span('window')}])) == 1",
        severity="critical",
        summary="The kubelet delays the restart of an Argo controller.",
        description=f"{POD} has been in CrashLoopBackOff for more than {numbers.words('hold')}.",
        hold=numbers.span("hold"),
        labels=CONTAINER,
    )


def argo_no_leader(numbers: Numbers) -> Alert:
    """A standby exposes nothing, so that without a leader the series is missing rather than 0."""
    leads = numbers.of(foreign.IS_LEADER)
    expr = (
        f"max by ({BY_CONTROLLER}) (max_over_time({leads}[{numbers.span('memory')}])) == 1",
        f"unless on ({BY_CONTROLLER}) {once(foreign.IS_LEADER, leads)} == 1",
        # Not for a scrape that was removed or renamed: its targets exist, whether they answer or not.
        f"and on ({BY_CONTROLLER}) group by ({BY_CONTROLLER}) ({numbers.of(foreign.UP)})",
    )
    return Alert(
        name="ArgoNoLeader",
        expr="\n".join(expr),
        severity="critical",
        summary="No Argo controller says that it leads.",
        description=f"No pod of {OF_CONTROLLER} has exposed is_leader 1 for {numbers.words('hold')}. Nothing starts there.",
        hold=numbers.span("hold"),
        labels=CONTROLLER,
    )


def argo_errors(numbers: Numbers) -> Alert:
    """Datadog's one monitor for Argo is on this counter."""
    window, by = numbers.span("window"), "cluster, job, cause"
    panics = numbers.of(foreign.ERRORS, f'cause="{PANIC}"')
    others = numbers.of(foreign.ERRORS, f'cause!="{PANIC}"')
    bound = round(numbers["rate"] * numbers.seconds("window") / 60, 3)
    expr = (
        f"{increase(foreign.ERRORS, panics, window, by)} > 0",
        # The counter exists from the first error on, which an increase does not see. It is new if the controller was scraped
        # before without it.
        f"or sum by ({by}) (max by ({by}) ({panics} unless last_over_time({panics}[{window}] offset {window})",
        f"and on ({BY_CONTROLLER}) group by ({BY_CONTROLLER}) (last_over_time(up[{window}] offset {window})))) > 0",
        f"or {increase(foreign.ERRORS, others, window, by)} > {bound:g}",
    )
    return Alert(
        name="ArgoErrors",
        expr="\n".join(expr),
        severity="warning",
        summary="An Argo controller exposes errors.",
        description=(
            f"{COUNT} error(s) of cause {{{{ $labels.cause }}}} in {numbers.words('window')}, of {OF_CONTROLLER}. "
            "Its log has them."
        ),
        keep_firing=numbers.span("keep"),
        labels=(*CONTROLLER, "cause"),
    )


def argo_work_queue_deep(numbers: Numbers) -> Alert:
    """These are keys of workflows that changed; 200,000 workflows that wait for a limit may be none of them."""
    by, window = "cluster, job, queue_name", numbers.span("window")
    now, before = numbers.of(foreign.DEPTH, MOVING), numbers.of(foreign.DEPTH_3_5, MOVING)
    depth = f"({total(foreign.DEPTH, now, by)} or {total(foreign.DEPTH_3_5, before, by)})"
    growth = f"max by ({by}) (deriv({now}[{window}]) or deriv({before}[{window}]))"
    return Alert(
        name="ArgoWorkQueueDeep",
        expr=f"{depth} > {numbers['keys']}\nand on ({by}) {growth} > 0",
        severity="warning",
        summary="A work queue of an Argo controller grows.",
        description=f"{COUNT} keys wait in {{{{ $labels.queue_name }}}} of {OF_CONTROLLER}, and their number grows.",
        hold=numbers.span("hold"),
        labels=(*CONTROLLER, "queue_name"),
    )


def argo_client_rate_limited(numbers: Numbers) -> Alert:
    """Argo 4.1 shows how long requests wait for --qps and --burst."""
    window, waits = numbers.span("window"), numbers.of(foreign.CLIENT_WAIT)
    slowest = quantile(numbers.share("slowest"), foreign.CLIENT_WAIT, waits, window, BY_CONTROLLER)
    count = observed(foreign.CLIENT_WAIT, waits, window, BY_CONTROLLER)
    return Alert(
        name="ArgoClientRateLimited",
        expr=f"{slowest} > {numbers.seconds('wait')}\nand on ({BY_CONTROLLER}) {count} >= {numbers['requests']}",
        severity="warning",
        summary="An Argo controller waits for its own limit on requests.",
        description=(
            f'{100 - numbers["slowest"]:g} % of the requests of {OF_CONTROLLER} wait {{{{ $value | printf "%.1f" }}}} s '
            "or longer for --qps and --burst."
        ),
        hold=numbers.span("hold"),
        labels=CONTROLLER,
    )


def argo_pods_pending(numbers: Numbers) -> Alert:
    """Workflows have begun, and their pods find no node, quota or image."""
    now = numbers.of(foreign.PODS, 'phase="Pending"')
    before = numbers.of(foreign.PODS_3_5, 'status="Pending"')
    return Alert(
        name="ArgoPodsPending",
        expr=(
            f"({total(foreign.PODS, now, BY_CONTROLLER)} or {total(foreign.PODS_3_5, before, BY_CONTROLLER)})"
            f" > {numbers['pods']}"
        ),
        severity="warning",
        summary="Many pods of workflows are pending.",
        description=(
            f"{COUNT} pods of workflows of {OF_CONTROLLER} are pending; for {numbers.words('hold')} there have been more than "
            f"{numbers['pods']}."
        ),
        hold=numbers.span("hold"),
        labels=CONTROLLER,
    )


def argo_workflow_failures(numbers: Numbers) -> Alert:
    """Of workflows that ended: the counter also counts each entry into Pending and Running, which would halve the share."""
    window = numbers.span("window")
    failed, ended = (
        increase(foreign.ENTERED, numbers.of(foreign.ENTERED, f'phase=~"{phases}"'), window, BY_CONTROLLER)
        for phases in ("Failed|Error", "Succeeded|Failed|Error")
    )
    return Alert(
        name="ArgoWorkflowFailures",
        expr=f"100 * {failed}\n/ {ended} > {numbers['share']}\nand {ended} >= {numbers['workflows']}",
        severity="warning",
        summary="Many workflows fail.",
        description=f"{COUNT} % of the workflows of {OF_CONTROLLER} that ended in {numbers.words('window')} failed.",
        hold=numbers.span("hold"),
        labels=CONTROLLER,
    )


def argo_cron_concurrency_skips(numbers: Numbers) -> Alert:
    """The runs take longer than their period, so that some never start."""
    skips = numbers.of(foreign.CRON_POLICY, 'concurrency_policy="Forbid"')
    by = "cluster, job, name"
    return Alert(
        name="ArgoCronConcurrencySkips",
        expr=f"{increase(foreign.CRON_POLICY, skips, numbers.span('window'), by)} >= {numbers['skips'] - 0.5:g}",
        severity="warning",
        summary="A cron workflow skips runs.",
        description=(
            f"{{{{ $labels.name }}}} of {OF_CONTROLLER} skipped {COUNT} runs in {numbers.words('window')}, since the one "
            "before still ran (concurrencyPolicy Forbid)."
        ),
        labels=(*CONTROLLER, "name"),
    )


def argo_quota_full(numbers: Numbers) -> Alert:
    """Pods of workflows are refused, and the workflow waits without a pod to look at."""
    labels = ("cluster", "namespace", "resourcequota", "resource")
    by = ", ".join(labels)
    used, hard = (f"max by ({by}) ({numbers.of(foreign.QUOTA, f'type={kind}')})" for kind in ('"used"', '"hard"'))
    workflows = numbers.of(foreign.POD_OWNER, 'owner_kind="Workflow"')
    return Alert(
        name="ArgoQuotaFull",
        expr=(
            f"100 * {used}\n/ ({hard} > 0) >= {numbers['full']}\n"
            f"and on (cluster, namespace) group by (cluster, namespace) (max_over_time({workflows}[{numbers.span('lately')}]))"
        ),
        severity="warning",
        summary="A quota of a namespace with workflows is used up.",
        description=(
            f"{COUNT} % of {{{{ $labels.resource }}}} of the quota {{{{ $labels.namespace }}}}/{{{{ $labels.resourcequota }}}}"
            f"{ON_CLUSTER} are used, for {numbers.words('hold')}. Pods of workflows are refused."
        ),
        hold=numbers.span("hold"),
        labels=labels,
    )


BUILDERS: tuple[Builder, ...] = (
    argo_controller_oom_killed,
    argo_controller_crash_looping,
    argo_no_leader,
    argo_errors,
    argo_work_queue_deep,
    argo_client_rate_limited,
    argo_pods_pending,
    argo_workflow_failures,
    argo_cron_concurrency_skips,
    argo_quota_full,
)
