"""
Questions of pages to the store: what may be asked, how long a page waits for the answer, and what it shows without one.

No SQL is here: service/history.py makes the functions, and an answer's type is one of core/history.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from collector.access.scope import Scope
from collector.core.facts.bills import PodRun
from collector.core.history.queue import QueuePlace, StepsOfTime, StoredQueue
from collector.core.history.template import StoredTemplate, TemplatePlace
from collector.core.history.workflow import NamedWorkflow, StoredWorkflow
from collector.language.language import ENGLISH, Language, in_catalog
from collector.reports.pod_bill import NO_BILL, PodsOnBills
from collector.reports.report import Query
from collector.shown_text import redact

PATIENCE_S = 10.0
"""After this wait for the store, a page says that there is no answer."""

DETAIL_LIMIT = 300

MOST_FOUND = 50
"""Workflows that a search by name returns."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NameSought:
    """A name, or how it begins, and where."""

    name: str
    cluster: str
    """Empty: in every cluster."""
    namespace: str
    """Empty: in every namespace."""
    clusters: Sequence[str]
    """Those that are watched, in which it may be live."""


async def no_bill(_pods: Sequence[PodRun], _with_lines: bool) -> PodsOnBills:
    """Knows no bill."""
    return NO_BILL


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What pages may ask the store. None: it has no such thing. Every function may raise whatever its store raises."""

    workflow: Callable[[str, int | None, Sequence[str]], Awaitable[StoredWorkflow | None]]
    """By uid, attempt (None: what is live, else the newest), and the clusters that are watched."""
    named: Callable[[NameSought], Awaitable[Sequence[NamedWorkflow]]]
    """By name, or how it begins."""
    queue: Callable[[QueuePlace, StepsOfTime], Awaitable[StoredQueue | None]]
    """Over a period."""
    template: Callable[[TemplatePlace, StepsOfTime], Awaitable[StoredTemplate | None]]
    """Over a period that ends now."""
    bills: Callable[[Sequence[PodRun], bool], Awaitable[PodsOnBills]] = no_bill
    """Of pods: which months have the provider's bill, and whether their lines are read too."""


class AskStore(Protocol):
    """Asks the store for a scope, in a thread of its own; `page` names the question for metrics."""

    def __call__(self, page: str, scope: Scope, question: Callable[[Query], T], /) -> Awaitable[T]: ...


Histories = Callable[[Scope], History]
"""What pages may ask for a scope: the answers have its rows alone."""


class NoAnswerError(Exception):
    """The store did not answer a page; a message with its values says why, for an operator."""

    def __init__(self, message: str, **values: str) -> None:
        super().__init__(ENGLISH.text(message, **values))
        self.message, self.values = message, values

    def text_in(self, language: Language) -> str:
        """Why, in a language; the store's own words are as they are."""
        return language.text(self.message, **self.values)


class NotThereError(Exception):
    """A page about something that is not known. `remedy` says what to do. Both are in the language of the answer."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


async def answered(
    question: Awaitable[T], patience_s: float = PATIENCE_S, *, passes: tuple[type[Exception], ...] = ()
) -> T:
    """The store's answer; NoAnswerError if it fails or takes too long. Errors in `passes` are the caller's."""
    try:
        return await asyncio.wait_for(question, patience_s)
    except TimeoutError:
        raise NoAnswerError(
            in_catalog("the store did not answer within {seconds} s"), seconds=f"{patience_s:g}"
        ) from None
    except passes:
        raise
    # The edge between the page and the store's client: its failure must not break the rest of the page.
    except Exception as error:
        raise NoAnswerError(in_catalog("the store could not be read: {why}"), why=first_line(error)) from error


def first_line(error: Exception) -> str:
    """What a person may see of an error: its first line, without secrets, cut to a length."""
    line = next(iter(redact(str(error)).splitlines()), "") or type(error).__name__
    return line[:DETAIL_LIMIT]
