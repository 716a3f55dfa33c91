"""
The page and the JSON of one queue over a period.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query
from fastapi.responses import HTMLResponse

from collector.access.scope import Scope
from collector.core.history.queue import QueuePlace
from collector.core.live_view import LiveView
from collector.core.model import Instant
from collector.language.language import ENGLISH, Language, in_catalog
from collector.web.api_queue import QueueHistory
from collector.web.door import Asking
from collector.web.history import Histories, NotThereError, answered
from collector.web.pages import PageTemplates
from collector.web.queue_history import PERIODS, queue_page, steps_until
from collector.web.queue_view import view as queue_view
from collector.web.spoken import Spoken

UNKNOWN = in_catalog(
    "The live page names the queues. A queue is the label that `queues.label` of the settings names, otherwise the namespace; "
    "one in which nothing waited since Lynceus watches the cluster is not in the store."
)

Name = Annotated[str, Path(max_length=253)]
QueuePeriod = Annotated[Literal["1h", "6h", "24h", "7d"], Query()]


def _not_there(place: QueuePlace, language: Language) -> NotThereError:
    what = language.text(
        "There is no queue {queue} in namespace {namespace} of cluster {cluster}",
        queue=place.queue,
        namespace=place.namespace,
        cluster=place.cluster,
    )
    return NotThereError(what, language.text(UNKNOWN))


def add_queue(
    app: FastAPI, pages: PageTemplates, history: Histories, live: Callable[[], LiveView], now: Callable[[], Instant]
) -> None:
    """Adds both routes."""

    async def shown(scope: Scope, place: QueuePlace, period: str, language: Language) -> QueueHistory:
        steps = steps_until(now(), period)
        stored = await answered(history(scope).queue(place, steps))
        # What waits now, limits and locks are of all departments.
        found = queue_page(
            place,
            stored,
            live() if scope.kind == "all" else None,
            period=period,
            steps=steps,
            language=language,
        )
        if found is None:
            raise _not_there(place, language)
        return found

    @app.get("/queues/{cluster}/{namespace}/{queue}", include_in_schema=False)
    async def page(
        visitor: Asking, spoken: Spoken, cluster: Name, namespace: Name, queue: Name, period: QueuePeriod = "6h"
    ) -> HTMLResponse:
        found = await shown(visitor.scope, QueuePlace(cluster, namespace, queue), period, spoken.language)
        drawn = queue_view(found, spoken.language)
        return pages.page("queue.html", visitor=visitor, spoken=spoken, queue=found, periods=PERIODS, **drawn)

    @app.get(
        "/api/v1/queues/{cluster}/{namespace}/{queue}",
        summary="One queue over a period: depths by reason, arrivals, starts, ends and waits by step; `period` chooses it",
    )
    async def as_json(
        visitor: Asking, cluster: Name, namespace: Name, queue: Name, period: QueuePeriod = "6h"
    ) -> QueueHistory:
        return await shown(visitor.scope, QueuePlace(cluster, namespace, queue), period, ENGLISH)
