"""
The rights of a collector as YAML: a role over all namespaces, one in the controller's namespace, and who gets them.

`make generate` writes deploy/reader/rights, deploy/controller and the chart's rules with it, and `lynceus check --role` the
role of one cluster.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from collector.watch.kinds import Resource, Right, rights

NEEDED, OPTIONAL = ("get", "list", "watch"), ("list", "watch")
WIDE = {
    "pods/proxy": "it opens any port of any pod in the namespace to any GET. Pods get new names, so it cannot be narrowed."
}
"""Rights that are not granted by default, each with the reason."""

_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_PLAIN = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Grantee:
    """Who gets the rights; without a namespace it is a user, as of a client certificate."""

    name: str
    namespace: str = ""

    @property
    def subject(self) -> str:
        """The subject of a binding."""
        if self.namespace:
            return f"{{kind: ServiceAccount, name: {_text(self.name)}, namespace: {_text(self.namespace)}}}"
        return f"{{kind: User, apiGroup: rbac.authorization.k8s.io, name: {_text(self.name)}}}"


COLLECTOR = Grantee("lynceus", "lynceus")
"""The service account of the shipped manifests."""


def grantee_of(username: str) -> Grantee:
    """Who an API server says that we are."""
    found = _ACCOUNT.fullmatch(username)
    return Grantee(found[2], found[1]) if found else Grantee(username)


def role(kinds: Iterable[Resource], namespace: str, grantee: Grantee) -> str:
    """YAML of all rights; `namespace` is the controller's, and without one only what is read in all namespaces is granted."""
    whole = cluster_role(kinds, grantee)
    return f"{whole}---\n{controller_role(namespace, grantee)}" if namespace else whole


def cluster_role(kinds: Iterable[Resource], grantee: Grantee) -> str:
    """YAML of what is read in all namespaces: a ClusterRole and who gets it."""
    return _CLUSTER.format(rules=cluster_rules(kinds), subject=grantee.subject)


def controller_role(namespace: str, grantee: Grantee) -> str:
    """YAML of what is read in the controller's namespace: a Role and who gets it."""
    return _CONTROLLER.format(rules=controller_rules(), subject=grantee.subject, namespace=namespace)


def cluster_rules(kinds: Iterable[Resource]) -> str:
    """The rules of the ClusterRole, needed ones first, as a YAML list."""
    return _lines(map(_kind, sorted(kinds, key=lambda resource: not resource.needed)))


def controller_rules() -> str:
    """The rules of the Role in the controller's namespace, as a YAML list."""
    return _lines(map(_right, rights("")))


_CLUSTER = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: lynceus-reader}}
rules:
{rules}---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: lynceus-reader}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lynceus-reader}}
subjects: [{subject}]
""".lstrip()
_CONTROLLER = """
# Optional: in the controller's namespace, by name where possible; one Role and RoleBinding for each installation.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: lynceus-controller-reader, namespace: {namespace}}}
rules:
{rules}---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: lynceus-controller-reader, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: lynceus-controller-reader}}
subjects: [{subject}]
""".lstrip()


def _text(name: str) -> str:
    """A name as YAML that cannot end the value: plain if it is one word, else in JSON's quotes."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


def _lines(entries: Iterable[str]) -> str:
    return "".join(f"{entry}\n" for entry in entries)


def _kind(resource: Resource) -> str:
    rule = f"  - {_rule(resource.group, resource.plural, '', NEEDED if resource.needed else OPTIONAL)}"
    return rule if resource.needed else f"  # Optional. Without it: no {resource.feeds}.\n{rule}"


def _right(right: Right) -> str:
    rule = _rule(right.group, right.resource, right.name, ("get",))
    why = f"  # Without it: no {right.feeds}.\n"
    if right.resource in WIDE:
        return f"{why}  # Not granted by default: {WIDE[right.resource]}\n  # - {rule}"
    return f"{why}  - {rule}"


def _rule(group: str, resource: str, name: str, verbs: Iterable[str]) -> str:
    group = group or '""'
    names = f", resourceNames: [{name}]" if name else ""
    return f"{{apiGroups: [{group}], resources: [{resource}]{names}, verbs: [{', '.join(verbs)}]}}"
