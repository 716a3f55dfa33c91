"""
The trace that a command leaves in the audit log: written before a change takes effect, and again with its outcome.

Commands that only read are not in the log: who may open the store's socket or has its password may read everything anyway.
"""

import contextlib
import os
import pwd
import socket
from collections.abc import Iterator

from collector import connect
from collector.access.audit import command_entry, ended
from collector.billing.rows import write_facts
from collector.cli.console import report_step
from collector.core.facts.audit import Action, AuditEntry
from collector.settings.model import Settings, SettingsError
from collector.store.clickhouse import Store, StoreError


@contextlib.contextmanager
def audited(settings: Settings, action: Action, target: str, actor: str = "", *, needed: bool = True) -> Iterator[None]:
    """
    Records a change for as long as the block makes it.

    A change that is cut short stays as begun. `needed`: what cannot be recorded is not done; else that is reported.
    """
    entry = command_entry(action, target, actor_of(actor))
    store = _begin(settings, entry, needed=needed)
    try:
        yield
    except BaseException as error:
        _end(store, ended(entry, "failed", str(error) or type(error).__name__))
        raise
    _end(store, ended(entry, "ok"))


def actor_of(claimed: str) -> str:
    """Who runs this command: the user of the machine, after the name that is claimed."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user has a number alone
        user = str(os.getuid())
    here = f"{user}@{socket.gethostname()}"
    return f"{claimed} ({here})" if claimed else here


def _begin(settings: Settings, entry: AuditEntry, *, needed: bool) -> Store | None:
    """Writes the begin, and returns the store that has it."""
    store: Store | None = None
    try:
        store = connect.writing_store(settings)
        with connect.store_failures():
            write_facts(store, [entry])
    except (connect.ExternalError, SettingsError) as error:
        if store:
            store.close()
        if needed:
            raise
        report_step(f"not in the audit log: {error}")
        return None
    return store


def _end(store: Store | None, entry: AuditEntry) -> None:
    if store is None:
        return
    try:
        write_facts(store, [entry])
    except StoreError as error:
        report_step(f"the audit log has this change as begun, not as {entry.outcome}: {error}")
    finally:
        store.close()
