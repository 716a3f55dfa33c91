"""The rights of a collector as YAML."""

import pytest
import yaml

from collector.watch.kinds import resources
from collector.watch.role import COLLECTOR, Grantee, grantee_of, role


def test_a_service_account_and_a_user_differ() -> None:
    """A binding names each in another way."""
    assert grantee_of("system:serviceaccount:lynceus:lynceus") == COLLECTOR
    assert grantee_of("system:node:a") == Grantee("system:node:a")


@pytest.mark.parametrize("name", ["jo", "jo@example.com", 'x"}], evil: [{a: "', "system:masters: yes"])
def test_a_name_stays_a_name(name: str) -> None:
    """The API server gives it; whatever it holds, it is the name of one user."""
    documents = list(yaml.safe_load_all(role(resources(), "argo", Grantee(name))))
    bindings = [document for document in documents if document["kind"].endswith("Binding")]

    assert [document["kind"] for document in documents] == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
    user = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}
    assert [binding["subjects"] for binding in bindings] == [[user]] * 2


def test_the_controllers_namespace_is_the_clusters_own() -> None:
    """Without one, nothing is read by name."""
    documents = list(yaml.safe_load_all(role(resources(), "batch-argo", COLLECTOR)))
    alone = list(yaml.safe_load_all(role(resources(labelled_pods=True), "", COLLECTOR)))

    assert {document["metadata"].get("namespace", "batch-argo") for document in documents} == {"batch-argo"}
    assert [document["kind"] for document in alone] == ["ClusterRole", "ClusterRoleBinding"]
    assert all(rule["resources"] != ["jobs"] for rule in alone[0]["rules"])
