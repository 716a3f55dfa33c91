"""
Workflows by name or how it begins, for the search of the pages; a uid is found too.

A name has no index: finished workflows of the last 30 days are searched, where the store's partitions end.
"""

from collections.abc import Sequence

from collector.catalog.schema import DATABASE
from collector.core.history.workflow import NamedWorkflow
from collector.reports.report import Query

MOST = 50
BACK_DAYS = 30

_WHERE = """({cluster:String} = '' OR cluster = {cluster:String})
    AND ({namespace:String} = '' OR namespace = {namespace:String})
    AND (startsWith(name, {name:String}) OR uid = {name:String})"""
NAMED = f"""
    SELECT uid, cluster, namespace, name, template, toUnixTimestamp64Milli(created_at) AS created, state, live FROM (
        SELECT uid, cluster, namespace, name, template, created_at, attempt, version, outcome AS state, false AS live
        FROM {DATABASE}.workflow_run
        WHERE (created_at > now64(3) - INTERVAL {BACK_DAYS} DAY OR uid = {{name:String}}) AND {_WHERE}
        UNION ALL
        SELECT uid, cluster, namespace, name, template, created_at, attempt, version, waiting_reason AS state, true AS live
        FROM {DATABASE}.workflow_live FINAL
        WHERE cluster IN {{clusters:Array(String)}} AND {_WHERE}
    )
    ORDER BY name = {{name:String}} DESC, created DESC, uid, attempt DESC, live, version DESC
    LIMIT 1 BY uid LIMIT {MOST}
"""
"""The newest state of each, what bears the very name first."""


def find_workflows(
    query: Query, name: str, *, cluster: str, namespace: str, clusters: Sequence[str]
) -> list[NamedWorkflow]:
    """Finds workflows, the newest first; an empty cluster or namespace stands for all."""
    sought = {"name": name, "cluster": cluster, "namespace": namespace, "clusters": list(clusters)}
    return [NamedWorkflow(*row) for row in query(NAMED, sought)]
