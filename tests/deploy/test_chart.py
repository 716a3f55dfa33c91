"""The chart in eight value sets, by the real helm: what it renders, what it refuses, and what of it would not start."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.access.tokens import parse_tokens
from collector.settings.load import parse_settings
from tests.deploy.rendering import (
    CHART,
    ROOT,
    SETS,
    VALUES,
    Json,
    helm,
    of_kind,
    pod,
    rendered,
    run,
    settings_text,
    workload,
)

pytestmark = pytest.mark.deploy

every_set = pytest.mark.parametrize("name", SETS)
KIND = {"stateful": "StatefulSet"}
CALLS_OWN_CLUSTER = set(SETS) - {"outside"}
OWN_STORE = {"clickhouse", "replicas", "stateful"}
SEVERAL = {"replicas": 2, "stateful": 3}


def refusal(*sets: str, values: Json | None = None, folder: Path | None = None) -> str:
    """Why helm does not render the chart."""
    files: list[str] = []
    if values is not None and folder is not None:
        (folder / "values.yaml").write_text(yaml.safe_dump(values))
        files = ["--values", str(folder / "values.yaml")]
    flags = [*files, *(word for text in sets for word in ("--set", text))]
    done = run("helm", "template", "lynceus", str(CHART), *flags)
    assert done.returncode != 0, "it was rendered"
    return done.stderr


@every_set
def test_helm_finds_nothing_to_criticise(name: str) -> None:
    """`helm lint`, with warnings as errors."""
    flags = ["--strict", "--quiet", "--values", str(VALUES / f"{name}.yaml")]
    done = run("helm", "lint", str(CHART), *flags)

    assert done.returncode == 0, done.stdout


@every_set
def test_the_settings_are_valid(name: str, tmp_path: Path) -> None:
    """A pod whose settings are refused restarts for ever. Files that they name are mounted where they are looked for."""
    made = rendered(name)
    mounted = [mount["mountPath"] for mount in pod(made)["containers"][0]["volumeMounts"]]
    text = settings_text(made)
    settings = parse_settings(text, "lynceus.yaml")

    assert settings.http.listen == "0.0.0.0:8470"
    assert bool(settings.store.urls) is (name in OWN_STORE)
    assert Path(settings.data_dir).is_relative_to("/var/lib/lynceus")
    files = [settings.store.password_file, settings.http.tls.cert, *(c.kubeconfig for c in settings.clusters)]
    assert [f for f in files if f and not any(Path(f).is_relative_to(mount) for mount in mounted)] == []


@every_set
def test_who_has_no_token_reads_nothing(name: str) -> None:
    """Shut by default; a file of tokens that each replica would have for itself is named where there is one replica."""
    made = rendered(name)
    settings = parse_settings(settings_text(made), "lynceus.yaml")
    files = settings.access.token_files
    (sources,) = (v["projected"]["sources"] for v in pod(made)["volumes"] if v["name"] == "settings")
    carried = [f"/etc/lynceus/{item['path']}" for s in sources if "secret" in s for item in s["secret"]["items"]]

    assert not settings.http.open
    assert ("/var/lib/lynceus/data/tokens.yaml" in files) is (name not in SEVERAL)
    assert [file for file in files if file.startswith("/etc/lynceus/")] == [f for f in carried if "access" in f]
    assert len(files) == 1


def test_an_open_door_is_a_choice() -> None:
    """`http.open` and no tokens beside it, which would be an error; the store then has one token of its own."""
    settings = parse_settings(settings_text(rendered("embedded", "--set", "settings.http.open=true")), "lynceus.yaml")

    assert (settings.http.open, settings.access.token_files) == (True, ())
    assert settings.embedded.reader_token_file == "/var/lib/lynceus/reader.token"


def test_tokens_of_the_values_are_in_a_secret_alone() -> None:
    """As hashes, which is all that a list of tokens holds."""
    made = rendered("stateful")
    (secret,) = of_kind(made, "Secret")

    assert parse_tokens(secret["stringData"]["tokens.yaml"].encode(), "values")[0].name == "grafana"
    assert sum("0123456789abcdef" in json.dumps(m) for m in made) == 1


@every_set
def test_the_pod_is_restricted_and_calls_its_api_server_only_where_it_must(name: str) -> None:
    """No token without a use, nothing to write but volumes, no root, no privilege."""
    spec = pod(rendered(name))
    (box,) = spec["containers"]

    assert spec["automountServiceAccountToken"] is (name in CALLS_OWN_CLUSTER)
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10470,
        "runAsGroup": 10470,
        "fsGroup": 10470,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert box["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert box["resources"]["limits"].keys() >= {"memory"}


@every_set
def test_the_shape_fits_the_store(name: str) -> None:
    """The embedded store has one owner, so its pod ends before the next one starts; replicas overlap and have a budget."""
    made = rendered(name)
    shape = workload(made)
    assert shape["kind"] == KIND.get(name, "Deployment")
    assert shape["spec"]["replicas"] == SEVERAL.get(name, 1)
    assert len(of_kind(made, "PodDisruptionBudget")) == (name in SEVERAL)
    if name not in SEVERAL:
        assert shape["spec"]["strategy"] == {"type": "Recreate"}
    volumes = {volume["name"]: volume for volume in pod(made)["volumes"]}
    assert (volumes.get("data") is None) is (name == "stateful")
    assert len(of_kind(made, "PersistentVolumeClaim")) == (name not in {*SEVERAL, "strict"})


@every_set
def test_ports_of_pod_service_and_policy_agree(name: str) -> None:
    """The store's port is open where there is an embedded store, and nowhere else."""
    made = rendered(name)
    names = [port["name"] for port in pod(made)["containers"][0]["ports"]]
    (service,) = of_kind(made, "Service")
    (policy,) = of_kind(made, "NetworkPolicy")
    (chosen,) = ({**service["spec"]["selector"]},)

    assert names == (["http"] if name in OWN_STORE else ["http", "store"])
    assert [port["targetPort"] for port in service["spec"]["ports"]] == names
    assert [port["port"] for port in policy["spec"]["ingress"][0]["ports"]] == names
    assert policy["spec"]["podSelector"]["matchLabels"] == chosen
    assert workload(made)["spec"]["selector"]["matchLabels"] == chosen
    assert workload(made)["spec"]["template"]["metadata"]["labels"].items() >= chosen.items()


def test_each_controllers_namespace_has_its_role() -> None:
    """And none has it twice, and no other namespace has one."""
    made = rendered("argo-elsewhere", namespace="costs", release="fleet")
    roles = of_kind(made, "Role")
    (account,) = of_kind(made, "ServiceAccount")
    subjects = [subject for m in made for subject in m.get("subjects", ())]
    settings = parse_settings(settings_text(made), "lynceus.yaml")

    assert [role["metadata"]["namespace"] for role in roles] == ["argo-one", "argo-two"]
    assert {(s["name"], s["namespace"]) for s in subjects} == {(account["metadata"]["name"], "costs")}
    assert len(subjects) == 3
    assert [(c.name, c.controller_namespace) for c in settings.clusters] == [("prod", "argo-one"), ("other", "argo")]


def test_a_lease_is_granted_for_each_shard_and_by_name() -> None:
    """With the names that the settings give; who holds a shard's Lease of another collector stops it."""
    (role,) = (role for role in of_kind(rendered("replicas"), "Role") if role["metadata"]["name"].endswith("-leases"))
    create, named = role["rules"]

    assert (create["verbs"], named["verbs"]) == (["create"], ["get", "update"])
    assert named["resourceNames"] == ["fleet-0-of-2", "fleet-1-of-2"]


def test_only_what_needs_a_restart_changes_the_pod() -> None:
    """Clusters and rules take effect while it runs; a changed address does not."""
    annotation = "checksum/config"

    def sum_of(*sets: str) -> Any:
        words = [word for text in sets for word in ("--set", text)]
        return workload(rendered("outside", *words))["spec"]["template"]["metadata"]["annotations"][annotation]

    assert sum_of() == sum_of("settings.clusters[0].name=new,settings.cluster_defaults.region=cn-beijing")
    assert sum_of() != sum_of("settings.reconcile_hours=1")
    assert sum_of() != sum_of("files.prices\\.yaml=x")


def rules_of(manifests: list[Json]) -> list[Json]:
    """The rules of the one PrometheusRule."""
    (made,) = of_kind(manifests, "PrometheusRule")
    return [rule for group in made["spec"]["groups"] for rule in group["rules"]]


def test_alerts_have_the_links_of_the_values_and_none_without() -> None:
    """A link to an address that is not set leads nowhere at three in the morning."""
    rules = [
        rule
        for m in of_kind(rendered("monitored"), "PrometheusRule")
        for g in m["spec"]["groups"]
        for rule in g["rules"]
    ]
    linked = [rule["annotations"] for rule in rules if "alert" in rule]
    bare_made = rendered("monitored", "--set", "prometheusRule.runbooks=,prometheusRule.grafana=")
    bare = [rule for m in of_kind(bare_made, "PrometheusRule") for g in m["spec"]["groups"] for rule in g["rules"]]
    shipped = yaml.safe_load((ROOT / "alerts" / "generated" / "prometheusrule.yaml").read_text())["spec"]["groups"]

    assert all(a["runbook_url"].startswith("https://wiki.example.com/lynceus/") for a in linked)
    assert all(a["dashboard_url"].startswith("https://grafana.example.com/d/") for a in linked)
    assert not any("ADDRESS" in json.dumps(rule) for rule in [*rules, *bare])
    assert bare == [rule for group in shipped for rule in group["rules"]], "what is shipped has no links"


def test_monitoring_finds_the_port_and_has_a_token_from_a_secret() -> None:
    """The token itself is in no manifest; dashboards land in their folder."""
    made = rendered("monitored")
    (monitor,) = of_kind(made, "ServiceMonitor")
    (service,) = of_kind(made, "Service")
    (endpoint,) = monitor["spec"]["endpoints"]
    boards = [m for m in of_kind(made, "ConfigMap") if "lynceus.yaml" not in m["data"]]

    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["authorization"] == {"type": "Bearer", "credentials": {"name": "lynceus-metrics", "key": "token"}}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert len(boards) == len(list((ROOT / "dashboards" / "generated").glob("*.json")))
    assert all(m["metadata"]["labels"]["grafana_dashboard"] == "1" for m in boards)
    assert all(m["metadata"]["annotations"] == {"grafana_folder": "Lynceus"} for m in boards)
    assert all(json.loads(text)["uid"] for m in boards for text in m["data"].values())


def test_a_release_fits_into_its_secret() -> None:
    """Helm stores chart and manifests as gzip in base64 in a Secret of at most 1 MiB; here with all that there is."""
    files = {str(path): base64.b64encode(path.read_bytes()).decode() for path in CHART.rglob("*") if path.is_file()}
    release = json.dumps({"chart": files, "manifest": json.dumps(rendered("monitored"))}).encode()

    assert len(base64.b64encode(gzip.compress(release))) < 600_000


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("replica=2", "additional properties 'replica' not allowed"),
        ("replicas=0", "minimum"),
        ("settings.http.lisen=x", "'lisen' not allowed"),
        ("settings.clusters[0].name=a,settings.clusters[0].kubeconfg=b", "'kubeconfg' not allowed"),
        ("image.digest=latest", "does not match pattern"),
        ("persistence.size=50GB", "does not match pattern"),
        ("controllerNamespaces=argo", "want array"),
        ("networkPolicy.enabled=nein", "want boolean"),
        ("prometheusRule.grafana=grafana.example.com", "does not match pattern"),
        ("files.lynceus\\.yaml=x", "'not' failed"),
        ("replicas=2", "settings.store.url, a ClickHouse that they share"),
        ("persistence.enabled=false", "would end with its pod"),
        ("store.existingSecret=x", "is the password of settings.store.url"),
        ("replicas=2,settings.store.url=http://c:8123", "need a Secret with tokens"),
        ("access.tokens=x,access.existingSecret=y", "not both"),
        ("replicas=2,settings.http.open=true,settings.store.url=c,persistence.existingClaim=x", "is for one replica"),
    ],
)
def test_a_wrong_value_is_refused_in_words(wrong: str, named: str) -> None:
    """With the value's path and what is wrong with it, before anything reaches a cluster."""
    assert named in refusal(wrong)


def test_the_example_of_every_setting_is_accepted(tmp_path: Path) -> None:
    """The schema refuses no setting that there is."""
    example = yaml.safe_load((ROOT / "deploy" / "examples" / "lynceus.yaml").read_text())
    example["store"] = {"url": "http://clickhouse:8123"}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({"settings": example}))

    helm("template", "lynceus", str(CHART), "--values", str(tmp_path / "values.yaml"))


def test_helm_package_takes_all_that_is_needed(tmp_path: Path) -> None:
    """What a registry gets renders the same: no file of the chart is outside of it."""
    helm("package", str(CHART), "--destination", str(tmp_path))
    (archive,) = tmp_path.glob("lynceus-*.tgz")
    flags = ("--namespace", "lynceus", "--values", str(VALUES / "monitored.yaml"), "--skip-tests")

    assert list(yaml.safe_load_all(helm("template", "lynceus", str(archive), *flags))) == rendered("monitored")
    assert archive.stat().st_size < 300_000


def test_the_test_pod_asks_the_service() -> None:
    """`helm test` runs the image under the same restrictions, and no selector takes it for a collector."""
    made = list(
        yaml.safe_load_all(helm("template", "lynceus", str(CHART), "--show-only", "templates/tests/ready.yaml"))
    )
    (spec,) = (m["spec"] for m in made)

    assert "http://lynceus:8470/readyz" in spec["containers"][0]["args"][0]
    compile(spec["containers"][0]["args"][0], "args", "exec")
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert made[0]["metadata"]["labels"]["app.kubernetes.io/name"] != "lynceus"
