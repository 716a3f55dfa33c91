"""
Tables without departments whose rows belong to what a department ran, and how such rows are found.

The embedded store filters them by the rows that they belong to. On servers a row policy has no such subquery: they are closed
there (access/shared_tables.py).
"""

from collections.abc import Mapping

from collector.access.scope import Scope
from collector.access.table_filters import predicate_of, setting_of, table_filters
from collector.catalog.schema import DATABASE

LINKED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "step_run": (
        "cluster, workflow_uid",
        ("cluster, uid FROM {0}.workflow_run", "cluster, uid FROM {0}.workflow_live"),
    ),
    "pod_run": ("cluster, uid", ("cluster, pod_uid FROM {0}.pod_cost",)),
}
"""The key of each such table, and where the keys of departments are."""


def linked_filters(scope: Scope) -> Mapping[str, str]:
    """The predicate of each table, these included, by its whole name; none for one who may read everything."""
    predicate, found = predicate_of(scope), dict(table_filters(scope))
    for table, (key, sources) in LINKED.items() if found else ():
        keys = (f"({key}) IN (SELECT {source.format(DATABASE)} WHERE {predicate})" for source in sources)
        found[f"{DATABASE}.{table}"] = " OR ".join(keys)
    return found


def linked_settings(scope: Scope) -> dict[str, str]:
    """The settings with which each query reads the rows of a scope alone, those of these tables too."""
    return setting_of(linked_filters(scope))
