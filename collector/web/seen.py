"""
What the audit log has of an answer: who saw what, who was refused, who signed in. Probes and files of style are not in it.
"""

from collections.abc import Mapping

from starlette.types import Scope

from collector.access.audit import entry_of
from collector.access.scope import Visitor
from collector.core.facts.audit import Action, AuditEntry

SIGNING: Mapping[str, Action] = {"/sign-in": "sign_in", "/sign-out": "sign_out"}
REFUSED = (400, 401, 403, 413)


def entry_of_answer(scope: Scope, visitor: Visitor | None, status: int, *, public: bool) -> AuditEntry | None:
    """The entry of an answered request; None: it is not for the log. `visitor` is known from it, or has just signed in."""
    action = _action(scope, visitor, status, public=public)
    if action is None:
        return None
    outcome = "ok" if status < 400 else str(status)
    address = (scope["client"] or ("",))[0]
    return entry_of(action, scope["path"], visitor=visitor, address=address, outcome=outcome)


def _action(scope: Scope, visitor: Visitor | None, status: int, *, public: bool) -> Action | None:
    if not public:
        return "refuse" if status in REFUSED else "read"
    signing = SIGNING.get(scope["path"]) if scope["method"] == "POST" else None
    if signing and status in REFUSED:
        return "refuse"  # counted by address: one who tries tokens must not fill the log
    return signing if visitor else None
