"""What the manifests have in common, read as files: one role, one name for each thing, no key without a rule."""

import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from collector.settings.load import parse_settings
from collector.watch.kinds import resources, rights
from generate import chart, role, values_schema
from tests.deploy.rendering import CHART, DEPLOY, ROOT, SETS, VALUES

Json = dict[str, Any]


def rules(text: str) -> Any:
    """A list of rules as YAML."""
    return yaml.safe_load(text)


def test_the_chart_grants_what_the_manifests_grant() -> None:
    """Both come from the kinds that are watched; a right in one alone would be missing, or too much, in the other."""
    cluster, _ = yaml.safe_load_all(role.files()["rbac.yaml"].partition("---\n")[2])
    controller, _ = yaml.safe_load_all(role.controller_files()["rbac.yaml"])

    assert rules((CHART / "generated" / "cluster-rules.yaml").read_text()) == cluster["rules"]
    assert rules((CHART / "generated" / "controller-rules.yaml").read_text()) == controller["rules"]
    assert len(cluster["rules"]) == len(resources())
    assert len(controller["rules"]) == len(rights("argo")) - 1, "pods/proxy is granted by a person"


def test_the_chart_is_of_this_release() -> None:
    """Its appVersion is the tag of the image, and the manifests name the same."""
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {
        image for file in DEPLOY.rglob("*.yaml") for image in re.findall(r"image: (lynceus:\S+)", file.read_text())
    }

    assert (described["version"], described["appVersion"]) == (version, version)
    assert images == {f"lynceus:{version}"}


def closed(schema: Json, path: str = "") -> "dict[str, Json]":
    """Every value that the schema names, by its path."""
    found = {path: schema} if path else {}
    for name, part in schema.get("properties", {}).items():
        found |= closed(part, f"{path}.{name}".lstrip("."))
    return found


def paths(values: Json, schema: Json, path: str = "") -> "set[str]":
    """Every path of the values, as deep as the schema has keys."""
    found = {path} - {""}
    for name, part in values.items() if schema.get("properties") else ():
        found |= paths(part if isinstance(part, dict) else {}, schema["properties"][name], f"{path}.{name}".lstrip("."))
    return found


def test_each_value_has_a_default_and_a_rule() -> None:
    """A value without a default is one that a reader of values.yaml does not learn about."""
    schema = values_schema.VALUES
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert paths(values, schema) == closed(schema).keys() - {"global"}


def test_the_schema_has_every_setting() -> None:
    """A setting of a new release is not refused, and one that does not exist is."""
    made = json.loads(values_schema.files()["values.schema.json"])["definitions"]

    assert made["Settings"]["additionalProperties"] is False
    assert made["HttpSettings"]["properties"].keys() >= {"listen", "tls"}
    assert '"description"' not in json.dumps(made["Settings"]), "texts are in docs/reference/settings.md"


def test_dashboards_and_alerts_of_the_chart_are_the_shipped_ones() -> None:
    """Helm's release holds the chart and what it renders in one Secret; a dashboard without spaces is the same dashboard."""
    for file in (ROOT / "dashboards" / "generated").glob("*.json"):
        carried = (CHART / "generated" / f"dashboard-{file.name}").read_text()
        assert json.loads(carried) == json.loads(file.read_text())
        assert len(carried) < 100_000
    alerts = yaml.safe_load((CHART / "generated" / "alerts.yaml").read_text())["spec"]["groups"]
    shipped = yaml.safe_load((ROOT / "alerts" / "generated" / "prometheusrule.yaml").read_text())["spec"]["groups"]
    assert [group["name"] for group in alerts] == [group["name"] for group in shipped]
    assert set(chart.files()) == {path.name for path in (CHART / "generated").iterdir()}


def test_there_are_eight_value_sets() -> None:
    """Each says in its first line what it is for."""
    assert len(SETS) == 8
    assert all((VALUES / f"{name}.yaml").read_text().startswith("# ") for name in SETS)


@pytest.mark.parametrize("folder", ["kustomize", "replicas", "argocd/copy-secrets"])
def test_the_settings_of_a_manifest_are_valid(folder: str) -> None:
    """A pod whose settings are refused restarts for ever. Who has no token reads nothing."""
    data = yaml.safe_load((DEPLOY / folder / "settings.yaml").read_text())["data"]

    settings = parse_settings(data["lynceus.yaml"].encode(), folder)

    assert not settings.http.open
    assert settings.access.token_files[-1] == "/etc/lynceus/access/tokens.yaml"
    first = settings.access.token_files[0]
    assert first.startswith(settings.data_dir) is (folder != "replicas"), "where `lynceus token create` can write"
