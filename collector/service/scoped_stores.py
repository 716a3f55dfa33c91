"""
Connections to the store for the scopes of visitors: each reads the rows of one scope alone, and is used again.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from collector.access.scope import Scope
from collector.store.clickhouse import Store

SCOPES_KEPT = 16
"""Connections are kept for so many scopes, those that asked last."""


class ScopedStores:
    """Idle connections by scope. One is lent to one thread at a time."""

    def __init__(self, make: Callable[[Scope], Store], most: int = SCOPES_KEPT) -> None:
        self._make, self._most = make, most
        self._idle: OrderedDict[Scope, list[Store]] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def lent(self, scope: Scope) -> Iterator[Store]:
        """A connection for as long as the block lasts."""
        with self._lock:
            idle = self._idle.get(scope)
            store = idle.pop() if idle else None
        store = store or self._make(scope)
        try:
            yield store
        finally:
            self._give_back(scope, store)

    def _give_back(self, scope: Scope, store: Store) -> None:
        with self._lock:
            self._idle.setdefault(scope, []).append(store)
            self._idle.move_to_end(scope)
            forgotten = self._idle.popitem(last=False)[1] if len(self._idle) > self._most else []
        for one in forgotten:
            one.close()
