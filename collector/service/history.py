"""
Reads the store for pages: two questions at a time, so that readers of pages cannot keep the store from its inserts.

A question is asked for a scope, over a connection that reads the rows of that scope alone. What a row shows of others, such
as the holders of a lock, is taken out here: access/shared_tables.py names these columns.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec.structs import replace

from collector import connect
from collector.access.scope import Scope
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.history.queue import QueuePlace, StepsOfTime, StoredQueue
from collector.core.history.template import StoredTemplate, TemplatePlace
from collector.core.history.workflow import NamedWorkflow, StoredWorkflow
from collector.measured import Measure
from collector.reports.pod_bill import NO_BILL, PodsOnBills, pods_on_bills
from collector.reports.queue_history import read_queue
from collector.reports.template_history import read_template
from collector.reports.workflow import read_workflow
from collector.reports.workflow_names import find_workflows
from collector.service.scoped_stores import ScopedStores
from collector.service.store_questions import QuestionTerms, StoreQuestions
from collector.settings.model import Settings
from collector.store.clickhouse import Store
from collector.web.history import PATIENCE_S, History, NameSought

AT_ONCE = 2
"""Questions that are answered at a time, each over a connection of its own; the others wait for their turn."""


class PageReader:
    """Threads that answer the questions of pages. A page that waits no longer ends its question before its next statement."""

    def __init__(self, settings: Settings, measure: Measure, patience_s: float = PATIENCE_S) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(AT_ONCE, "pages")
        self._patience_s = patience_s
        # Questions about one workflow, queue or template find out themselves whose its rows are.
        terms = QuestionTerms(label="page of a {}", patience_s=patience_s)
        self.ask = StoreQuestions(self._threads, ScopedStores(self._connect), measure, terms).ask
        linked = not settings.store.cluster
        terms = QuestionTerms(label="page of a {}", patience_s=patience_s, checked=True, linked=linked)
        self.ask_report = StoreQuestions(self._threads, ScopedStores(self._connect_linked), measure, terms).ask
        """Asks a report: what of it is of all departments is refused to one, as by its own account at the store."""

    def _connect(self, scope: Scope) -> Store:
        return connect.reading_store(self._settings, "", own=True, timeout_s=_seconds(self._patience_s), scope=scope)

    def _connect_linked(self, scope: Scope) -> Store:
        return report_store(self._settings, scope, self._patience_s)

    def history(self, scope: Scope) -> History:
        """The questions that pages may ask for a scope."""
        return History(
            workflow=partial(self._workflow, scope),
            named=partial(self._named, scope),
            queue=partial(self._queue, scope),
            template=partial(self._template, scope),
            bills=partial(self._bills, scope),
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

    async def _bills(self, scope: Scope, pods: Sequence[PodRun], with_lines: bool) -> PodsOnBills:
        if scope.kind != "all":
            return NO_BILL  # the provider's bill is of all departments
        return await self.ask("bill", scope, lambda query: pods_on_bills(query, pods, lines=with_lines))

    async def _template(self, scope: Scope, place: TemplatePlace, steps: StepsOfTime) -> StoredTemplate | None:
        return await self.ask("template", scope, lambda query: read_template(query, place, steps))


def report_store(settings: Settings, scope: Scope, patience_s: float) -> Store:
    """A connection that reads the rows of a scope, and the steps and pods that belong to them."""
    # On several servers a filter has no subquery: steps and pods are closed to departments there.
    linked = not settings.store.cluster
    return connect.reading_store(settings, "", own=True, timeout_s=_seconds(patience_s), scope=scope, linked=linked)


def _seconds(patience_s: float) -> int:
    return max(1, int(patience_s))
