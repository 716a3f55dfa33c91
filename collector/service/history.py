"""
Reads the store for pages: two questions at a time, so that readers of pages cannot keep the store from its inserts.

A question is asked for a scope, over a connection that reads the rows of that scope alone. What a row shows of others, such
as the holders of a lock, is taken out here: access/shared_tables.py names these columns.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from collector import connect
from collector.access.scope import Scope
from collector.core.facts.workflows import WorkflowRun
from collector.core.history.queue import QueuePlace, StepsOfTime, StoredQueue
from collector.core.history.template import StoredTemplate, TemplatePlace
from collector.core.history.workflow import NamedWorkflow, StoredWorkflow
from collector.measured import Measure
from collector.reports.queue_history import read_queue
from collector.reports.report import NotPermittedError, Query
from collector.reports.template_history import read_template
from collector.reports.workflow import read_workflow
from collector.reports.workflow_names import find_workflows
from collector.service.scoped_stores import ScopedStores
from collector.settings.model import Settings
from collector.store.clickhouse import ACCESS_DENIED, Store, StoreRefusedError
from collector.web.history import PATIENCE_S, History, NameSought

AT_ONCE = 2
"""Questions that are answered at a time, each over a connection of its own; the others wait for their turn."""

EVEN_S = 0.1
"""An answer for departments comes at a multiple of this time. The store reads rows of others before it omits them, so that its
own time shows whether there are any: tests/bench/timing.py measures it."""

T = TypeVar("T")


class PageReader:
    """Threads that answer the questions of pages. A page that waits no longer ends its question before its next statement."""

    def __init__(self, settings: Settings, measure: Measure) -> None:
        self._settings, self._measure = settings, measure
        self._threads = ThreadPoolExecutor(AT_ONCE, "pages")
        self._stores = ScopedStores(self._connect)

    def _connect(self, scope: Scope) -> Store:
        return connect.reading_store(self._settings, "", own=True, timeout_s=int(PATIENCE_S), scope=scope)

    def history(self, scope: Scope) -> History:
        """The questions that pages may ask for a scope."""
        return History(
            workflow=partial(self._workflow, scope),
            named=partial(self._named, scope),
            queue=partial(self._queue, scope),
            template=partial(self._template, scope),
        )

    def close(self) -> None:
        """Ends the threads after their present statement, without waiting for it."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _workflow(
        self, scope: Scope, uid: str, attempt: int | None, clusters: Sequence[str]
    ) -> StoredWorkflow | None:
        found = await self.ask("workflow", scope, lambda query: read_workflow(query, uid, attempt, clusters))
        if scope.kind == "all" or found is None or isinstance(found.shown, WorkflowRun):
            return found
        return replace(found, shown=replace(found.shown, waiting_words=""))

    async def _named(self, scope: Scope, sought: NameSought) -> Sequence[NamedWorkflow]:
        return await self.ask(
            "search",
            scope,
            lambda query: find_workflows(
                query, sought.name, cluster=sought.cluster, namespace=sought.namespace, clusters=sought.clusters
            ),
        )

    async def _queue(self, scope: Scope, place: QueuePlace, steps: StepsOfTime) -> StoredQueue | None:
        of_all = scope.kind == "all"
        found = await self.ask("queue", scope, lambda query: read_queue(query, place, steps, of_all=of_all))
        if of_all or found is None:
            return found
        return replace(found, waiting=[replace(one, words="") for one in found.waiting])

    async def _template(self, scope: Scope, place: TemplatePlace, steps: StepsOfTime) -> StoredTemplate | None:
        return await self.ask("template", scope, lambda query: read_template(query, place, steps))

    async def ask(self, page: str, scope: Scope, question: Callable[[Query], T]) -> T:
        """The answer to a question, which may take several statements. A cancelled call that still waits is never run."""
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            with self._measure("report", report=f"page of a {page}"):
                return await loop.run_in_executor(self._threads, self._answer, scope, question, began + PATIENCE_S)
        finally:
            if scope.kind != "all":
                await asyncio.sleep(rest_of_step(time.monotonic() - began))

    def _answer(self, scope: Scope, question: Callable[[Query], T], until: float) -> T:
        with self._stores.lent(scope) as store:

            def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
                if time.monotonic() > until:
                    raise TimeoutError("the page waits no longer")
                try:
                    return store.query_rows(sql, dict(parameters))
                except StoreRefusedError as error:
                    if error.code == ACCESS_DENIED:
                        raise NotPermittedError("not with these rights") from None
                    raise

            return question(query)


def rest_of_step(took_s: float) -> float:
    """The seconds from an answer that took so long to the next multiple of EVEN_S."""
    return -took_s % EVEN_S
