"""
What the testbed's restricted user may do: nothing, until a test grants it a role.

Our own deployment's roles can be granted too, so that a test shows whether they are enough for the collector. The
bindings are made here: the deployed ones name a service account. test_deployed.py uses that account itself.
"""

from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import yaml

from tests.cluster.testbed import RESTRICTED_USER, ControlPlane, Json, named

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
READER = (DEPLOY / "reader", DEPLOY / "controller")
GROUP = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def grant_deployed_roles(plane: ControlPlane, *folders: Path, namespace: str = "lynceus") -> list[str]:
    """Grants every ClusterRole and Role in the files below some folders, the reader's by default; returns their names."""
    files = [file for folder in folders or READER for file in sorted(folder.rglob("*.yaml"))]
    documents = [document for file in files for document in yaml.safe_load_all(file.read_text())]
    roles = [document for document in documents if document and document.get("kind") in ("ClusterRole", "Role")]
    for role in roles:
        grant(plane, role, namespace)
    return [role["metadata"]["name"] for role in roles]


def grant(plane: ControlPlane, role: Json, namespace: str = "default") -> None:
    """Returns when the restricted user has the role; a Role where its metadata says, else in `namespace`."""
    kind, name = role["kind"], role["metadata"]["name"]
    where, rest = "", f"/apis/{GROUP}/v1"
    if kind == "Role":
        where = role["metadata"].get("namespace", namespace)
        plane.apply(f"/api/v1/namespaces/{where}", named("v1", "Namespace", where))
        rest += f"/namespaces/{where}"
    binding = named(f"{GROUP}/v1", f"{kind}Binding", f"testbed-{name}")
    binding["roleRef"] = {"apiGroup": GROUP, "kind": kind, "name": name}
    binding["subjects"] = [{"apiGroup": GROUP, "kind": "User", "name": RESTRICTED_USER}]
    plane.apply(f"{rest}/{kind.lower()}s/{name}", role)
    plane.apply(f"{rest}/{kind.lower()}bindings/testbed-{name}", binding)
    for attributes in _attributes(role, where):
        # The server's authorizer learns of a new role by watches of its own, so it may say no for a moment.
        plane.until(partial(_is_allowed, plane, attributes), f"{name} is in force")


def _is_allowed(plane: ControlPlane, attributes: Json) -> bool:
    review = named("authorization.k8s.io/v1", "SelfSubjectAccessReview", "") | {"spec": attributes}
    answer = plane.call("POST", REVIEWS, review, token=plane.restricted_token)
    return bool(answer["status"]["allowed"])


def _attributes(role: Json, namespace: str) -> Iterator[Json]:
    """The attributes of an access review, one for each single right of the role."""
    for rule in role.get("rules") or []:
        for verb, path in product(rule["verbs"], rule.get("nonResourceURLs", [])):
            yield {"nonResourceAttributes": {"verb": verb, "path": path}}
        rights = product(
            rule["verbs"], rule.get("apiGroups", []), rule.get("resources", []), rule.get("resourceNames", [""])
        )
        for verb, group, resource, name in rights:
            kind, _, part = resource.partition("/")
            attributes = {"verb": verb, "group": group, "resource": kind, "subresource": part, "name": name}
            yield {"resourceAttributes": attributes | {"namespace": namespace}}
