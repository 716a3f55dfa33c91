"""
The names of reasons, outcomes, causes and kinds of use, as people read them in their language.

In English a name is that of core with spaces, so that a name on a page can be used in a query. Names stand here for the
catalogues alone: generate/catalogs.py finds them.
"""

import re

from collector.access.scope import Scope
from collector.core.cost.attribution import UNALLOCATED
from collector.language.language import Language, in_catalog

NAMES = (
    # reasons of waiting
    in_catalog("unseen"),
    in_catalog("queued"),
    in_catalog("throttled"),
    in_catalog("lock"),
    in_catalog("volume"),
    in_catalog("suspended"),
    in_catalog("quota"),
    in_catalog("stock"),
    in_catalog("unschedulable"),
    in_catalog("image"),
    in_catalog("step lock"),
    in_catalog("starting"),
    in_catalog("advancing"),
    in_catalog("running"),
    in_catalog("not recorded"),
    # outcomes
    in_catalog("succeeded"),
    in_catalog("failed"),
    in_catalog("platform"),
    in_catalog("cancelled"),
    in_catalog("invalid"),
    in_catalog("unknown"),
    # use of money
    in_catalog("useful"),
    in_catalog("retried"),
    in_catalog("reclaimed"),
    in_catalog("pending"),
    # causes of an end
    in_catalog("oom"),
    in_catalog("step failed"),
    in_catalog("stop"),
    in_catalog("terminate"),
    in_catalog("missing artifact"),
    in_catalog("container config"),
    in_catalog("controller error"),
    in_catalog("deadline"),
    in_catalog("deadline waiting"),
    in_catalog("drained"),
    in_catalog("ephemeral storage"),
    in_catalog("evicted"),
    in_catalog("executor error"),
    in_catalog("image pull"),
    in_catalog("invalid spec"),
    in_catalog("never started"),
    in_catalog("no stock"),
    in_catalog("node lost"),
    in_catalog("pod deleted"),
    in_catalog("pod lost"),
    in_catalog("preempted"),
    in_catalog("rejected"),
    in_catalog("spot reclaimed"),
    in_catalog("tainted"),
    in_catalog("template error"),
    in_catalog("too large"),
    # causes of a standstill
    in_catalog("no pod controller"),
    in_catalog("no pod task result"),
    # ways of purchase
    in_catalog("on demand"),
    in_catalog("spot"),
    in_catalog("reserved"),
    in_catalog("best effort"),
    in_catalog("unallocated"),
    # why there is no price
    in_catalog("no price book"),
    in_catalog("no on demand price"),
    in_catalog("no spot price"),
    in_catalog("no best effort price"),
    in_catalog("no reserved price"),
    in_catalog("no gpu price"),
    in_catalog("no ephemeral price"),
    in_catalog("no fx rate"),
    in_catalog("no requests"),
    in_catalog("no instance type"),
    in_catalog("larger than any size"),
    in_catalog("unknown gpu share"),
    in_catalog("absurd begin"),
    in_catalog("absurd end"),
    # kinds of locks
    in_catalog("semaphore"),
    in_catalog("mutex"),
    in_catalog("database"),
    # causes of gaps
    in_catalog("gone"),
    in_catalog("unauthorized"),
    in_catalog("forbidden"),
    in_catalog("missing"),
    in_catalog("server"),
    in_catalog("corrupt"),
    in_catalog("unusable"),
    in_catalog("stream error"),
    in_catalog("garbled"),
    in_catalog("list loop"),
    in_catalog("went back"),
    in_catalog("connection"),
    in_catalog("tls"),
    in_catalog("idle"),
    in_catalog("cut"),
    in_catalog("credentials"),
    in_catalog("back pressure"),
    in_catalog("short"),
    in_catalog("closed"),
    in_catalog("no position"),
    in_catalog("oversized"),
    # states of watches
    in_catalog("listing"),
    in_catalog("watching"),
    in_catalog("retrying"),
    in_catalog("refused"),
    in_catalog("absent"),
)

_EXIT_CODE = re.compile(r"exit_(-?\d+)")


def name_of(identifier: str, language: Language) -> str:
    """The name of a reason, an outcome or a cause; one that no catalogue has is as it is."""
    if code := _EXIT_CODE.fullmatch(identifier):
        return language.text("exit {code}", code=code[1])
    return language.text(identifier.replace("_", " "))


def department_name(department: str, language: Language) -> str:
    """The name of a department; what belongs to none has one in each language."""
    return language.text(department) if department == UNALLOCATED else department


def scope_name(scope: Scope, language: Language) -> str:
    """What a visitor reads, in a language."""
    if scope.kind == "departments":
        return language.text("department {names}", names=", ".join(scope.departments))
    return language.text("all") if scope.kind == "all" else language.text("metrics")
