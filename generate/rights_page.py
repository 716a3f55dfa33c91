"""
docs/reference/rights.md, from the kinds that are watched and the rights beside the controller.
"""

from collector.watch.kinds import resources, rights
from collector.watch.role import NEEDED, OPTIONAL, WIDE
from generate.markdown import code, page, table
from generate.role import CONTROLLER_NAMESPACE

INTRODUCTION = """
`deploy/reader/rights/rbac.yaml` and `deploy/controller/rbac.yaml` grant these rights, and so does the chart.
All are generated from the same list.
`lynceus check` tests each right in each cluster, and prints the rule that is missing.
`lynceus check --role CLUSTER | kubectl apply -f -` grants all of them to the identity of the collector in that cluster.
""".strip()

WIDE_NOTE = "`pods/proxy` is not granted by default: " + WIDE["pods/proxy"]


def build() -> str:
    """The page."""
    kinds = [
        (
            code(resource.full_name),
            ", ".join(NEEDED if resource.needed else OPTIONAL),
            "yes" if resource.needed else "no",
            f"no {resource.feeds}",
        )
        for resource in sorted(resources(), key=lambda resource: not resource.needed)
    ]
    named = [(code(right.full_name), "get", f"no {right.feeds}") for right in rights(CONTROLLER_NAMESPACE)]
    return page(
        title="Rights in a cluster",
        source="`collector/watch/kinds.py`",
        parts=[
            INTRODUCTION,
            "## In all namespaces",
            table(("resource", "verbs", "needed", "without it"), kinds),
            "## In the controller's namespace",
            "All of these are optional.",
            table(("resource and name", "verbs", "without it"), named),
            WIDE_NOTE,
        ],
    )
