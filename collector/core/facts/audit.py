"""Facts of the audit log: who saw and changed what."""

from typing import Literal

from collector.core.model import Fact, Instant

Action = Literal[
    "read",
    "query",
    "refuse",
    "sign_in",
    "sign_out",
    "lock",
    "unlock",
    "reprice",
    "reconcile",
    "correct",
    "import_bill",
    "backfill",
    "salvage",
    "back_up",
    "send_report",
    "create_token",
    "revoke_token",
    "rotate_token",
]
"""What was done, as a verb. `query`: SQL of a reader. `refuse`: a visitor had no right."""

Via = Literal["", "token", "proxy", "certificate", "open", "local"]
"""How it is known who did it. `open`: it is not, since the door is open. `local`: a command of a user of this machine.
Empty: it is not known, since the visitor was refused."""


class AuditEntry(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """Somebody saw or changed something. It holds no token, no value of a query and no statement."""

    at: Instant
    """When it was first done."""
    id: str
    version: int
    """Of an entry that is written twice, at the begin and at the end, the highest counts."""
    until: Instant
    """When it was last done."""
    times: int
    """How often from `at` to `until`: what is only seen again and again is one entry."""
    actor: str
    """Name of the token or of the person; user@machine of a command; empty: not known."""
    via: Via
    scope: str
    """What the actor may read: `all`, `metrics`, or the departments."""
    address: str
    """Address of the client; empty: a command."""
    action: Action
    target: str
    """Path of a page, or the month, period, file or token that was changed."""
    outcome: str
    """`ok`, `failed`, or the status of the answer; `begun`: the change has not ended, or was cut short."""
    detail: str
