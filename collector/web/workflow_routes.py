"""
The page and the JSON of one workflow, and the search for one by its name.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import FastAPI, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from collector.access.scope import Scope
from collector.core.history.workflow import StoredWorkflow
from collector.core.live_view import LiveView
from collector.core.model import Instant
from collector.core.queue.managers.queues import QueuePosition
from collector.language.language import ENGLISH, Language, in_catalog
from collector.reports.pod_bill import NO_BILL, PodsOnBills
from collector.web.api_workflow import WorkflowDetail
from collector.web.door import Asking
from collector.web.history import MOST_FOUND, Histories, History, NameSought, NoAnswerError, NotThereError, answered
from collector.web.pages import PageTemplates
from collector.web.spoken import Spoken
from collector.web.words import segment
from collector.web.workflow import workflow_page
from collector.web.workflow_view import ROWS_SHOWN, view

UNKNOWN = in_catalog(
    "Look it up in Argo by its uid. Workflows that ended before Lynceus watched the cluster, or longer ago than the retention "
    "of workflow_run, are not in the store; one that was submitted a moment ago is there within seconds."
)

Uid = Annotated[str, Path(max_length=253)]
Sought = Annotated[str, Query(max_length=253)]
Attempt = Annotated[int | None, Query(ge=1, le=2**31)]


Places = Callable[[str, str], QueuePosition | None]
"""Where a workflow, by cluster and uid, stands in the queue of its manager; None: it is not held, or that is not known."""


def no_places(_cluster: str, _uid: str) -> None:
    """Knows no queue manager."""


def _not_there(uid: str, attempt: int | None, language: Language) -> NotThereError:
    what = (
        language.text("The store does not know workflow {uid}", uid=uid)
        if attempt is None
        else language.text("The store does not know attempt {attempt} of workflow {uid}", attempt=attempt, uid=uid)
    )
    return NotThereError(what, language.text(UNKNOWN))


def add_workflow(
    app: FastAPI,
    pages: PageTemplates,
    history: Histories,
    *,
    live: Callable[[], LiveView],
    places: Places,
    now: Callable[[], Instant],
) -> None:
    """Adds both routes."""

    known = partial(_known, history, live)

    def shown(scope: Scope, stored: StoredWorkflow, language: Language) -> WorkflowDetail:
        # How many others wait in the manager's queue is for those who may know of all.
        place = places(stored.shown.cluster, stored.shown.uid) if scope.kind == "all" else None
        return workflow_page(stored, live().infos, now(), place, language)

    @app.get("/workflows/{uid}", response_class=HTMLResponse, include_in_schema=False)
    async def page(
        visitor: Asking,
        spoken: Spoken,
        uid: Uid,
        attempt: Attempt = None,
        rows: Annotated[int, Query(ge=1, le=100_000)] = ROWS_SHOWN,
        bill: bool = False,
    ) -> HTMLResponse:
        stored = await known(visitor.scope, uid=uid, attempt=attempt, language=spoken.language)
        workflow = shown(visitor.scope, stored, spoken.language)
        drawn = view(workflow, rows, spoken.language)
        on_bills = await _on_bills(history(visitor.scope), stored, with_lines=bill)
        drawn |= {"on_bills": on_bills, "with_bill": bill}
        return pages.page("workflow.html", visitor=visitor, spoken=spoken, workflow=workflow, **drawn)

    @app.get(
        "/api/v1/workflows/{uid}",
        summary="One workflow by its uid: its life, steps, pods and cost; `attempt` chooses one of several",
    )
    async def as_json(visitor: Asking, uid: Uid, attempt: Attempt = None) -> WorkflowDetail:
        return shown(visitor.scope, await known(visitor.scope, uid=uid, attempt=attempt, language=ENGLISH), ENGLISH)


async def _known(
    history: Histories, live: Callable[[], LiveView], scope: Scope, *, uid: str, attempt: int | None, language: Language
) -> StoredWorkflow:
    """An attempt of a workflow, for a scope; NotThereError if the store has none."""
    clusters = [cluster.name for cluster in live().clusters]
    stored = await answered(history(scope).workflow(uid, attempt, clusters))
    if stored is None:
        raise _not_there(uid, attempt, language)
    return stored


async def _on_bills(history: History, stored: StoredWorkflow, *, with_lines: bool) -> PodsOnBills:
    """What imported bills have of the workflow's pods; nothing where the store takes too long: the rest is worth having."""
    try:
        return await answered(history.bills(stored.pods, with_lines))
    except NoAnswerError:
        return NO_BILL


def add_search(app: FastAPI, pages: PageTemplates, history: Histories, live: Callable[[], LiveView]) -> None:
    """Adds the search by name, which leads to the only workflow that it finds."""

    @app.get("/workflows", response_class=HTMLResponse, include_in_schema=False)
    async def search(
        visitor: Asking, spoken: Spoken, name: Sought = "", cluster: Sought = "", namespace: Sought = ""
    ) -> Response:
        name = name.strip()
        sought = NameSought(name, cluster, namespace, [one.name for one in live().clusters])
        rows = await answered(history(visitor.scope).named(sought)) if name else ()
        exact = [row for row in rows if name in (row.name, row.uid)]
        # A name is free again once its workflow is deleted: of one place the newest is meant.
        if len(rows) == 1 or len(exact) == 1 or (exact and cluster and namespace):
            return RedirectResponse(f"/workflows/{segment((exact or rows)[0].uid)}", 303)
        return pages.page("workflows.html", visitor=visitor, spoken=spoken, rows=rows, name=name, most=MOST_FOUND)
