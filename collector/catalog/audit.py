"""The table of the audit log."""

from collector.catalog import columns as c
from collector.catalog.schema import Table
from collector.core.facts import audit

AUDIT_ENTRY = Table(
    "audit_entry",
    audit.AuditEntry,
    "Who saw or changed what; only readers of everything see it",
    order_by=("at", "id"),
    partition="toYYYYMM(at)",
    shard_by=(),
    columns=(
        c.instant("at", "When it was first done"),
        c.text("id", "Random name of the entry"),
        c.Column("version", "UInt64", "1 at the begin; the highest counts", codec="T64, ZSTD(1)"),
        c.instant("until", "When it was last done"),
        c.count("times", "How often it was done from `at` to `until`"),
        c.low("actor", "Name of the token or of the person; user@machine of a command; empty: not known"),
        c.low("via", "How the actor is known: token, proxy, certificate, open, local; empty: it is not"),
        c.low("scope", "What the actor may read: `all`, `metrics`, or the departments; empty: nothing"),
        c.text("address", "Address of the client; empty: a command"),
        c.low("action", "What was done: read, refuse, sign_in, lock, reprice, create_token and others"),
        c.text("target", "Path of the page, or the month, period, file or token that was changed"),
        c.low("outcome", "`ok`, `failed`, or the status of the answer; `begun`: it has not ended, or was cut short"),
        c.text("detail", "What else is known, in words"),
        c.INSERTED_AT,
    ),
)
