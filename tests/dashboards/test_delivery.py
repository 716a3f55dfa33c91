"""What deploy/grafana and `lynceus generate dashboards` deliver: files that parse, agree and hold no secret."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from alerts.thresholds import load
from collector.settings.load import parse_settings
from dashboards import uids
from dashboards.boards import BOARDS
from dashboards.delivery import FOLDER, FOLDER_UID, Form
from dashboards.files import files
from dashboards.inputs import Inputs
from tests.commands import run_command
from tests.dashboards.shipped import shipped

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
OF_ARGOCD = ("argocd/hand-tokens", "argocd/copy-secrets")
OWN = ("--set", "queue_backlog.age=7", "--runbook-url", "https://docs.corp/runbooks")


def read(path: Path) -> Json:
    made: Json = yaml.safe_load(path.read_text(encoding="utf-8"))
    return made


def text_of(made: Json) -> str:
    """The dashboard inside a resource."""
    return str(made["spec"]["json"] if made["kind"] == "GrafanaDashboard" else next(iter(made["data"].values())))


@pytest.mark.parametrize(("form", "kind"), [("configmaps", "ConfigMap"), ("operator", "GrafanaDashboard")])
def test_a_resource_holds_each_dashboard_as_it_is(form: Form, kind: str) -> None:
    """One file a dashboard, whole, and within what Kubernetes stores in one object; the kustomization lists all."""
    made = files(form=form)
    listed = yaml.safe_load(made["kustomization.yaml"])["resources"]
    resources = [yaml.safe_load(made[name]) for name in listed]

    assert set(made) == {*listed, "kustomization.yaml"}
    assert {resource["kind"] for resource in resources} == {kind}
    assert sorted(json.dumps(json.loads(text_of(r)), sort_keys=True) for r in resources) == sorted(
        json.dumps(board, sort_keys=True) for board in shipped().values()
    )
    assert max(map(len, made.values())) < 1 << 20


def test_the_sidecar_finds_configmaps_and_their_folder() -> None:
    """By the label and the annotation that helm-values.yaml gives the chart, the same as those of the kustomization."""
    sidecar = read(GRAFANA / "helm-values.yaml")["sidecar"]
    metadata = yaml.safe_load(files(form="configmaps")["fleet.configmap.yaml"])["metadata"]
    options = yaml.safe_load(files()["kustomization.yaml"])["generatorOptions"]

    assert metadata["labels"] == {sidecar["dashboards"]["label"]: sidecar["dashboards"]["labelValue"]}
    assert metadata["annotations"] == {sidecar["dashboards"]["folderAnnotation"]: FOLDER}
    assert (options["labels"], options["annotations"]) == (metadata["labels"], metadata["annotations"])
    (sources,) = read(GRAFANA / "kustomization.yaml")["configMapGenerator"]
    assert sources["options"]["labels"] == {sidecar["datasources"]["label"]: sidecar["datasources"]["labelValue"]}


def test_a_body_for_the_api_replaces_what_is_there() -> None:
    """Import is repeated at each release: an id would be another Grafana's, a version would make it a conflict."""
    made = {name: json.loads(text) for name, text in files(form="api").items()}

    assert set(made) == {f"{name}.import.json" for name in BOARDS}
    for body in made.values():
        assert (body["folderUid"], body["overwrite"]) == (FOLDER_UID, True)
        assert body["dashboard"]["id"] is None
        assert "version" not in body["dashboard"] or not body["dashboard"]["version"]


def test_files_for_provisioning_agree() -> None:
    """The provider's folder is that of the other ways, so that changing the way does not move dashboards."""
    (provider,) = read(GRAFANA / "provisioning" / "dashboards" / "lynceus.yaml")["providers"]

    assert (provider["folder"], provider["folderUid"]) == (FOLDER, FOLDER_UID)
    assert provider["allowUiUpdates"] is False


def test_data_sources_are_those_of_the_dashboards_and_hold_no_secret() -> None:
    """Fixed uids, the types that the variables look for, a reader's user; addresses and the token from the environment."""
    text = (GRAFANA / "provisioning" / "datasources" / "lynceus.yaml").read_text(encoding="utf-8")
    sources = {source["type"]: source for source in yaml.safe_load(text)["datasources"]}
    wanted = {
        variable["query"]
        for board in shipped().values()
        for variable in board["templating"]["list"]
        if variable["type"] == "datasource"
    }
    [exemplar] = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplar["name"] == "workflow_uid"
    assert exemplar["url"].startswith(f"/d/{uids.WORKFLOW}?var-uid=$${{")
    store = sources["grafana-clickhouse-datasource"]

    assert set(sources) == wanted
    assert {source["uid"] for source in sources.values()} == {"lynceus-prometheus", "lynceus-clickhouse"}
    assert store["secureJsonData"] == {"password": "${LYNCEUS_STORE_TOKEN}"}
    assert (store["jsonData"]["protocol"], store["jsonData"]["username"]) == ("http", "default")
    names = {"LYNCEUS_PROMETHEUS_URL", "LYNCEUS_STORE_HOST", "LYNCEUS_STORE_TOKEN"}
    assert {name for name in names if f"${{{name}}}" in text} == names
    chart = read(GRAFANA / "helm-values.yaml")
    assert names - {"LYNCEUS_STORE_TOKEN"} == set(chart["env"])


def test_the_store_that_grafana_reads_is_the_one_of_the_data_source() -> None:
    """One port in data source, settings, service and pod."""
    port = read(GRAFANA / "provisioning" / "datasources" / "lynceus.yaml")["datasources"][1]["jsonData"]["port"]
    folder = ROOT / "deploy" / "kustomize"
    settings = parse_settings(read(folder / "settings.yaml")["data"]["lynceus.yaml"].encode(), "settings.yaml")
    deployment, _ = yaml.safe_load_all((folder / "deployment.yaml").read_text(encoding="utf-8"))
    (exposed,) = (p for p in read(folder / "service.yaml")["spec"]["ports"] if p["name"] == "store")

    assert settings.embedded.listen == f"0.0.0.0:{port}"
    assert exposed["port"] == port
    ports = deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert {"name": exposed["targetPort"], "containerPort": port} in ports


@pytest.mark.parametrize(
    "folder",
    [GRAFANA, *(ROOT / "deploy" / name for name in ("replicas", *OF_ARGOCD))],
    ids=lambda folder: folder.name,
)
def test_every_file_that_a_kustomization_names_exists(folder: Path) -> None:
    """A file that moved would break `kubectl apply -k` only at the user's."""
    made = read(folder / "kustomization.yaml")
    files_ = [name for maps in made.get("configMapGenerator", ()) for name in maps["files"]]
    named = [*made["resources"], *(patch["path"] for patch in made.get("patches", ()) if "path" in patch), *files_]

    assert [name for name in named if not (folder / name).exists()] == []


@pytest.mark.parametrize(
    "folder",
    [
        "deploy/grafana",
        "deploy/kustomize",
        "deploy/replicas",
        "deploy/reader",
        "deploy/controller",
        *(f"deploy/{name}" for name in OF_ARGOCD),
    ],
)
def test_kustomize_builds_it(folder: str) -> None:
    """As `kubectl apply -k` would send it."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl here: kustomize did not read deploy/")
    done = subprocess.run(["kubectl", "kustomize", folder], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    if folder == "deploy/grafana":
        assert {m["metadata"]["name"] for m in made} == {f"lynceus-{name}" for name in [*BOARDS, "datasources"]}


@pytest.mark.parametrize("form", get_args(Form))
def test_the_command_writes_each_form_with_own_numbers_and_links(form: Form, tmp_path: Path) -> None:
    """A line on a panel is the number that the operator's alert has, and its runbook is where the operator put it."""
    done = run_command("generate", "dashboards", *("--out", str(tmp_path)), *("--format", form), *OWN)

    assert done.returncode == 0, done.stderr
    own = load(None, {"queue_backlog.age": "7"}).alerts
    expected = files(Inputs(alerts=own, runbooks="https://docs.corp/runbooks"), form)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == expected
    assert any("https://docs.corp/runbooks/QueueBacklog.md" in text for text in expected.values())
    assert expected != files(Inputs(alerts=load().alerts, runbooks="https://docs.corp/runbooks"), form)


def test_a_form_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """With those that do."""
    done = run_command("generate", "dashboards", *("--out", str(tmp_path)), *("--format", "jsonnet"))

    assert done.returncode == 2
    assert "configmaps" in done.stderr


def test_money_leads_to_the_pages_of_bills(tmp_path: Path) -> None:
    """Where their address is known: from the dashboard, from what is to pay, and from what no department pays."""
    out = ("--out", str(tmp_path))
    done = run_command("generate", "dashboards", *out, "--pages-url", "https://lynceus.corp/")
    assert done.returncode == 0, done.stderr
    board = json.loads((tmp_path / "cost.json").read_text("utf-8"))
    by_panel = {panel["title"]: panel.get("links", []) for panel in board["panels"]}

    assert [link["url"] for link in board["links"] if link["type"] == "link"] == ["https://lynceus.corp/reports"]
    assert [link["url"] for link in by_panel["To pay, by department and kind"]] == ["https://lynceus.corp/reports"]
    assert [link["url"] for link in by_panel["Unallocated"]] == ["https://lynceus.corp/reports/unallocated"]
    assert not [name for name, text in files().items() if "/reports" in text]

    refused = run_command("generate", "dashboards", *out, "--pages-url", "lynceus")
    assert refused.returncode == 2
    assert "--pages-url lynceus: expected an address like https://lynceus.corp" in refused.stderr


def test_days_of_money_begin_in_the_billing_time_zone(tmp_path: Path) -> None:
    """By days of UTC, today's money is missing in Shanghai until 8 o'clock; a zone that is none is refused."""
    done = run_command("generate", "dashboards", *("--out", str(tmp_path)), *("--billing-timezone", "Asia/Shanghai"))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "cost.json").read_text("utf-8")
    assert "toDate($__toTime, 'Asia/Shanghai')" in text
    assert "'UTC'" not in text

    refused = run_command("generate", "dashboards", *("--out", str(tmp_path)), *("--billing-timezone", "Mars/Olympus"))
    assert refused.returncode == 2
    assert "expected an IANA time zone like Asia/Shanghai" in refused.stderr
