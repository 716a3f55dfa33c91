"""
Alerts about what workflows wait for by somebody's decision: parallelism limits and locks.
"""

from alerts.numbers import Numbers
from alerts.promql import once, total
from alerts.rules import Alert, Builder, Recording
from alerts.text import COUNT, DURATION, LOCK, PERCENT
from collector.catalog import metrics as catalog

LIMITED = "cluster, namespace"
SLOTS = f"cluster_namespace:{catalog.PARALLELISM_SLOTS.name}:ratio"
IDLE_SLOTS = f"cluster_namespace:{catalog.PARALLELISM_SLOTS.name}:ratio_idle"
THROTTLED = f"cluster_namespace:{catalog.QUEUE_DEPTH.name}:sum_throttled"
WHERE = (
    "{{ if $labels.namespace }}namespace {{ $labels.namespace }} on {{ $labels.cluster }}"
    "{{ else }}{{ $labels.cluster }}{{ end }}"
)
"""The limit of a whole installation has no namespace."""

_LIMIT = once(catalog.PARALLELISM_LIMIT, catalog.PARALLELISM_LIMIT.name)
_THROTTLED = f'{catalog.QUEUE_DEPTH.name}{{reason="throttled"}}'


def _of_limit(slots: str) -> str:
    # 0 means unlimited.
    return f"{total(catalog.PARALLELISM_SLOTS, slots, LIMITED)} / on ({LIMITED}) ({_LIMIT} > 0)"


RECORDINGS: tuple[Recording, ...] = (
    Recording(record=SLOTS, expr=_of_limit(catalog.PARALLELISM_SLOTS.name), interval_s=30),
    Recording(
        record=IDLE_SLOTS, expr=_of_limit(f'{catalog.PARALLELISM_SLOTS.name}{{by=~"suspended|lock"}}'), interval_s=30
    ),
    # The second part is what the limit of the whole installation delays.
    Recording(
        record=THROTTLED,
        expr=f"{total(catalog.QUEUE_DEPTH, _THROTTLED, LIMITED)} or {total(catalog.QUEUE_DEPTH, _THROTTLED, 'cluster')}",
        interval_s=30,
    ),
)


def parallelism_exhausted(numbers: Numbers) -> Alert:
    """A limit that is too small for the work of today, or work that holds it for too long."""
    # Between two runs a slot is free for a moment, and one that waits for a volume is in no figure: hence the average.
    expr = (
        f"{numbers.of(THROTTLED)} > {numbers['throttled']}",
        f"and on ({LIMITED}) avg_over_time({numbers.of(SLOTS)}[{numbers.span('window')}]) >= {numbers.share('used')}",
    )
    return Alert(
        name="ParallelismExhausted",
        expr="\n".join(expr),
        severity="warning",
        summary="A parallelism limit is used up.",
        description=(
            f"The parallelism limit of {WHERE} has been used up for {numbers.words('hold')}, "
            f"and {COUNT} workflows are throttled."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "namespace"),
        needs_watch=True,
    )


def slots_held_idle(numbers: Numbers) -> Alert:
    """Suspended workflows and workflows that wait for a lock keep others out, and run nothing."""
    expr = (
        f"{numbers.of(IDLE_SLOTS)} > {numbers.share('idle')}",
        f"and on ({LIMITED}) {numbers.of(THROTTLED)} > {numbers['throttled']}",
    )
    return Alert(
        name="SlotsHeldIdle",
        expr="\n".join(expr),
        severity="warning",
        summary="Workflows that run nothing hold parallelism slots.",
        description=(
            f"{PERCENT} of the parallelism slots of {WHERE} are held by workflows that are suspended or wait for a lock, "
            "while others are throttled."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "namespace"),
        needs_watch=True,
    )


def lock_held_too_long(numbers: Numbers) -> Alert:
    """Somebody must know whom to stop."""
    expr = (
        f"{once(catalog.LOCK_HOLDER_AGE, numbers.of(catalog.LOCK_HOLDER_AGE))} > {numbers.seconds('age')}",
        f"and {once(catalog.LOCK_WAITING, numbers.of(catalog.LOCK_WAITING))} > {numbers['waiting']}",
    )
    return Alert(
        name="LockHeldTooLong",
        expr="\n".join(expr),
        severity="warning",
        summary="A lock that others wait for is held for long.",
        description=f"{LOCK} has been held for {DURATION}, and others wait for it.",
        hold=numbers.span("hold"),
        labels=("cluster", "lock", "type"),
        needs_watch=True,
    )


def lock_deadlock(numbers: Numbers) -> Alert:
    """Never ends by itself: no holder runs anything that could end."""
    held = once(catalog.LOCK_HELD, numbers.of(catalog.LOCK_HELD))
    idle = once(catalog.LOCK_HOLDERS_IDLE, numbers.of(catalog.LOCK_HOLDERS_IDLE))
    expr = (
        f"{once(catalog.LOCK_WAITING, numbers.of(catalog.LOCK_WAITING))} > {numbers['waiting']}",
        f"and ({held} > 0 and {idle} >= {held})",
    )
    return Alert(
        name="LockDeadlock",
        expr="\n".join(expr),
        severity="critical",
        summary="A lock will not be released by itself.",
        description=(
            f"{COUNT} wait for the {{{{ $labels.type }}}} {{{{ $labels.lock }}}} on {{{{ $labels.cluster }}}}, and none of its "
            "holders runs: each is suspended or waits for another lock."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "lock", "type"),
        needs_watch=True,
    )


BUILDERS: tuple[Builder, ...] = (parallelism_exhausted, slots_held_idle, lock_held_too_long, lock_deadlock)
