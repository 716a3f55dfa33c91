"""Cases of alerts/limits.py."""

from tests.promtool.cases import Case, Fires, Silent


def slots(by: str, namespace: str = "ml") -> str:
    """The series of slots that something occupies."""
    return f'lynceus_parallelism_slots{{cluster="prod", namespace="{namespace}", by="{by}"}}'


def limit(namespace: str = "ml") -> str:
    """The series of a limit; without a namespace that of the whole installation."""
    return f'lynceus_parallelism_limit{{cluster="prod", namespace="{namespace}"}}'


def lock(metric: str) -> str:
    """A series of one mutex."""
    return f'lynceus_lock_{metric}{{cluster="prod", lock="ml/Mutex/db", type="mutex"}}'


THROTTLED = 'lynceus_queue_depth{cluster="prod", namespace="ml", queue="night", reason="throttled"}'
OTHERS = 'lynceus_queue_depth{cluster="prod", namespace="web", queue="web", reason="throttled"}'
NAMESPACE = {"cluster": "prod", "namespace": "ml"}
MUTEX = {"cluster": "prod", "lock": "ml/Mutex/db", "type": "mutex"}

EXHAUSTED: tuple[Case, ...] = (
    Fires(
        alert="ParallelismExhausted",
        severity="warning",
        story="a namespace is at its limit for more than an hour, although a slot is free for moments",
        series={
            slots("running"): "0x10 8x39 5 8x49 2x30",
            slots("suspended"): "0x10 2x120",
            limit(): "10x130",
            THROTTLED: "0x10 25x90 0x30",
        },
        silent_at=("9m", "60m", "115m"),
        fires_at=("85m",),
        labels=NAMESPACE,
        summary="A parallelism limit is used up.",
        text=(
            "The parallelism limit of namespace ml on prod has been used up for 1 hour, and 25 workflows are throttled."
        ),
    ),
    Fires(
        alert="ParallelismExhausted",
        severity="warning",
        story="the limit of the installation delays workflows of two namespaces; neither alone has many",
        series={
            slots("running", ""): "50x130",
            limit(""): "50x130",
            limit("ml"): "0x130",
            slots("running", "ml"): "50x130",
            THROTTLED: "6x130",
            OTHERS: "7x130",
        },
        silent_at=("55m",),
        fires_at=("70m",),
        labels={"cluster": "prod"},
        summary="A parallelism limit is used up.",
        text="The parallelism limit of prod has been used up for 1 hour, and 13 workflows are throttled.",
    ),
    Silent(
        alert="ParallelismExhausted",
        story="a full limit that delays few, and many throttled by a limit elsewhere",
        series={
            slots("running"): "10x200",
            limit(): "10x200",
            THROTTLED: "10x200",
            slots("running", "web"): "1x200",
            limit("web"): "0x200",
            OTHERS: "90x200",
        },
        at=("100m", "190m"),
    ),
    Silent(
        alert="ParallelismExhausted",
        story="a burst that ends within the hour",
        series={slots("running"): "10x50 3x90", limit(): "10x140", THROTTLED: "80x50 0x90"},
        at=("49m", "70m", "130m"),
    ),
)

IDLE: tuple[Case, ...] = (
    Fires(
        alert="SlotsHeldIdle",
        severity="warning",
        story="five of nine slots are held by workflows that are suspended or wait for a lock",
        series={
            slots("running"): "4x90",
            slots("suspended"): "3x60 0x30",
            slots("lock"): "2x90",
            limit(): "9x90",
            THROTTLED: "0x10 1x80",
        },
        silent_at=("9m", "35m", "65m"),
        fires_at=("45m",),
        labels=NAMESPACE,
        summary="Workflows that run nothing hold parallelism slots.",
        text=(
            "55.56% of the parallelism slots of namespace ml on prod are held by workflows that are suspended or wait for a "
            "lock, while others are throttled."
        ),
    ),
    Silent(
        alert="SlotsHeldIdle",
        story="idle slots that keep nothing out, and idle slots where there is no limit",
        series={
            slots("suspended"): "9x90",
            limit(): "9x90",
            THROTTLED: "0x90",
            slots("suspended", "web"): "9x90",
            limit("web"): "0x90",
            OTHERS: "3x90",
        },
        at=("45m", "80m"),
    ),
)

LOCKS: tuple[Case, ...] = (
    Fires(
        alert="LockHeldTooLong",
        severity="warning",
        story="one holder for more than an hour, and one that waits",
        series={lock("holder_age_seconds"): "0+60x80 0x20", lock("waiting"): "1x100", lock("held"): "1x100"},
        silent_at=("59m", "64m", "85m"),
        fires_at=("70m",),
        labels=MUTEX,
        summary="A lock that others wait for is held for long.",
        text="The mutex ml/Mutex/db on prod has been held for 1h 10m 0s, and others wait for it.",
    ),
    Silent(
        alert="LockHeldTooLong",
        story="held for hours, and nothing waits",
        series={lock("holder_age_seconds"): "0+60x200", lock("waiting"): "0x200"},
        at=("100m", "190m"),
    ),
    Silent(
        alert="LockHeldTooLong",
        story="many wait, and the lock changes hands each half hour",
        series={lock("holder_age_seconds"): "0+60x30 0+60x30 0+60x30 0+60x30", lock("waiting"): "9x120"},
        at=("29m", "59m", "100m"),
    ),
    Fires(
        alert="LockDeadlock",
        severity="critical",
        story="two workflows hold a lock each and wait for that of the other",
        series={lock("held"): "1x60", lock("waiting"): "0x10 2x30 0x20", lock("holders_idle"): "0x10 1x50"},
        silent_at=("9m", "20m", "42m"),
        fires_at=("26m", "39m"),
        labels=MUTEX,
        summary="A lock will not be released by itself.",
        text=(
            "2 wait for the mutex ml/Mutex/db on prod, and none of its holders runs: each is suspended or waits for another "
            "lock."
        ),
    ),
    Silent(
        alert="LockDeadlock",
        story="contention: many wait for hours, and a holder runs",
        series={lock("held"): "2x200", lock("waiting"): "50x200", lock("holders_idle"): "1x200"},
        at=("30m", "190m"),
    ),
    Silent(
        alert="LockDeadlock",
        story="a free lock for which something waits until the controller is back",
        series={lock("held"): "0x60", lock("waiting"): "1x60", lock("holders_idle"): "0x60"},
        at=("30m", "55m"),
    ),
    Silent(
        alert="LockDeadlock",
        story="a holder that waits for another lock for minutes, again and again",
        series={lock("held"): "1x60", lock("waiting"): "1x60", lock("holders_idle"): "1x10 0 1x12 0 1x12 0 1x12 0"},
        at=("11m", "23m", "36m", "50m"),
    ),
)

CASES: tuple[Case, ...] = (*EXHAUSTED, *IDLE, *LOCKS)
