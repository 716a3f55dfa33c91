"""Connections for scopes: never one for another scope, used again, and not more than so many."""

from typing import cast

from collector.access.scope import ALL, Scope, of_departments
from collector.service.scoped_stores import ScopedStores
from collector.store.clickhouse import Store


class Connection:
    """Stands for a connection; remembers whose it is."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Made:
    """Makes connections, and knows them all."""

    def __init__(self) -> None:
        self.all: list[Connection] = []

    def make(self, scope: Scope) -> Store:
        self.all.append(Connection(scope))
        return cast(Store, self.all[-1])


def scope_of(store: Store) -> Scope:
    return cast(Connection, store).scope


def test_a_connection_is_used_again_for_its_scope_alone() -> None:
    """By one at a time; an error in the block keeps it."""
    made = Made()
    stores = ScopedStores(made.make)
    maps = of_departments(["maps"])

    for scope in (maps, ALL, maps, ALL):
        with stores.lent(scope) as store:
            assert scope_of(store) == scope
    assert len(made.all) == 2
    with stores.lent(maps) as one, stores.lent(of_departments(["maps"])) as other:
        assert one is not other
        assert scope_of(other) == maps
    assert len(made.all) == 3


def test_the_scope_that_was_used_longest_ago_is_forgotten() -> None:
    """And its connections are closed."""
    made = Made()
    stores = ScopedStores(made.make, most=2)
    a, b, c = (of_departments([name]) for name in "abc")

    for scope in (a, b, a, c, a):
        with stores.lent(scope):
            pass

    assert [(one.scope, one.closed) for one in made.all] == [(a, False), (b, True), (c, False)]
