"""Every alert: does it parse, fire, keep silent, say enough, and name what exists?"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts import TOPICS, TWINS, build
from alerts.files import files, twins_files
from alerts.rules import Alert, Group, Links, group_as_read
from alerts.teams import NamespacesOfTeam, Teams
from alerts.thresholds import load
from generate.folder import out_of_date, write
from tests.alerts.cases import ALL as CASES
from tests.dashboards.shipped import shipped
from tests.promtool import cases
from tests.promtool.promql import check_against_catalogue, check_against_foreign
from tests.promtool.tool import promtool

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
THRESHOLDS = load()
LINKS = Links(runbooks="https://docs.test/runbooks", grafana="https://grafana.test")
OWN_GROUPS, TWIN_GROUPS = (
    [group for groups in build(THRESHOLDS, topics=topics).values() for group in groups] for topics in (TOPICS, TWINS)
)
GROUPS = [*OWN_GROUPS, *TWIN_GROUPS]
ALERTS = [alert for group in GROUPS for alert in group.alerts]
BY_NAME = {alert.name: alert for alert in ALERTS}
READ_OWN, READ_TWINS = (
    [rule for group in groups for rule in group_as_read(group, LINKS, THRESHOLDS.teams)["rules"]]
    for groups in (OWN_GROUPS, TWIN_GROUPS)
)
READ = [*READ_OWN, *READ_TWINS]
GENERATED = ROOT / "alerts" / "generated"
RUNBOOKS = ROOT / "alerts" / "runbooks"
YAML_CASES = ROOT / "tests" / "promtool"

every_alert = pytest.mark.parametrize("alert", ALERTS, ids=[f"{a.name}-{a.severity}" for a in ALERTS])
every_name = pytest.mark.parametrize("name", BY_NAME)


def test_generated_files_are_fresh() -> None:
    """What is checked in is what the code and thresholds.yaml make; no more, no less."""
    assert out_of_date(GENERATED, files(THRESHOLDS)) == [], "run: make generate"
    assert out_of_date(cases.TWINS_GENERATED, twins_files(THRESHOLDS)) == [], "run: make generate"


def test_files_that_nothing_makes_are_noticed_and_removed(tmp_path: Path) -> None:
    """An alert file that was dropped from the code does not go on paging."""
    (tmp_path / "old.rules.yaml").write_text("groups: []")

    assert "old.rules.yaml" in out_of_date(tmp_path, files(THRESHOLDS))
    write(tmp_path, files(THRESHOLDS))
    assert out_of_date(tmp_path, files(THRESHOLDS)) == []


def test_promtool_takes_the_rules() -> None:
    """The parser of Debian's Prometheus, which is older than most that are in use, and its search for duplicates."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted(GENERATED.glob("*.rules.yaml")))
    promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted(cases.TWINS_GENERATED.glob("*.rules.yaml")))


@pytest.mark.parametrize("file", sorted(YAML_CASES.glob("*.yaml")), ids=lambda file: file.stem)
def test_alerts_fire_and_keep_silent_as_their_files_say(file: Path) -> None:
    """Cases that are longer than one incident."""
    promtool("test", "rules", file)


@every_name
def test_alerts_fire_and_keep_silent_as_their_cases_say(name: str, tmp_path: Path) -> None:
    """The cases of tests/alerts/cases, with exact labels and texts, also for two replicas and for a blind collector."""
    own = [case for case in CASES if case.alert == name]

    if own:
        is_twin = any(alert.name == name for group in TWIN_GROUPS for alert in group.alerts)
        rules = cases.TWINS_GENERATED if is_twin else GENERATED
        cases.run(own, BY_NAME[name].needs_watch, tmp_path, rules)


@every_alert
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert: Alert) -> None:
    """An alert that was never seen to fire, or never to keep silent, is a guess."""
    in_files = [
        case
        for file in YAML_CASES.glob("*.yaml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == alert.name
    ]
    own = [case for case in CASES if case.alert == alert.name]
    severities = {e["exp_labels"]["severity"] for case in in_files for e in case.get("exp_alerts", ())}
    severities |= {case.severity for case in own if isinstance(case, cases.Fires)}
    silent = any(not case.get("exp_alerts") for case in in_files) or any(isinstance(case, cases.Silent) for case in own)

    assert alert.severity in severities
    # The watchdog has no case in which it would be right to keep silent.
    assert silent or alert.name == "Watchdog"


@every_alert
def test_every_alert_has_a_runbook(alert: Alert) -> None:
    """The person on call finds its meaning, the first look and the first fix."""
    text = (RUNBOOKS / f"{alert.name}.md").read_text()

    assert text.startswith(f"# {alert.name}\n")
    assert alert.summary.removesuffix(".") in text
    assert alert.severity in text
    for heading in ("## First look", *([] if alert.name == "Watchdog" else ["## First fix"])):
        assert heading in text


def test_no_runbook_is_left_over() -> None:
    """A runbook without an alert sends people looking for something that is gone."""
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {alert.name for alert in ALERTS}


def test_links_in_runbooks_lead_somewhere() -> None:
    """They name each other by file."""
    for path in RUNBOOKS.glob("*.md"):
        for target in path.read_text().split("](")[1:]:
            assert (RUNBOOKS / target.split(")")[0]).exists(), path


@pytest.mark.parametrize("rule", [rule for rule in READ if "alert" in rule], ids=lambda rule: rule["alert"])
def test_every_alert_has_all_annotations(rule: Json) -> None:
    """Severity, a constant sentence, what is so and where, what to do, where to look."""
    annotations = rule["annotations"]

    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    assert rule["labels"]["team"]
    assert set(annotations) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert annotations["summary"].endswith(".")
    assert "{{" not in annotations["summary"]
    assert annotations["description"].endswith(".")
    assert annotations["runbook_url"].endswith(f"/{rule['alert']}.md")


@every_alert
def test_descriptions_use_only_labels_that_the_alert_has(alert: Alert) -> None:
    """A label that the expression aggregated away would leave a hole in the sentence."""
    used = {word.split(" ")[0].split("}")[0] for word in alert.description.split("$labels.")[1:]}

    assert used <= set(alert.labels)


@pytest.mark.parametrize("rule", READ_OWN, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_name_what_the_catalogue_exposes(rule: Json) -> None:
    """A renamed metric or label breaks here, not in the night when the alert should have fired."""
    check_against_catalogue(rule["expr"])


@pytest.mark.parametrize("rule", READ_TWINS, ids=lambda rule: rule["alert"])
def test_twins_name_only_declared_series_of_others(rule: Json) -> None:
    """Series of Argo and kube-state-metrics stand in one list with their source."""
    check_against_foreign(rule["expr"])


def test_no_twin_is_made_by_default() -> None:
    """Neither the rule files nor the operator's resource have one: each would page a second time."""
    twins = {alert.name for group in TWIN_GROUPS for alert in group.alerts}

    assert twins
    assert not any(f"alert: {name}\n" in text for name in twins for text in files(THRESHOLDS).values())


def test_dashboard_links_lead_to_dashboards_that_exist() -> None:
    """By the uid that survives regeneration."""
    uids = {board["uid"] for board in shipped().values()}
    linked = {rule["annotations"]["dashboard_url"].split("/d/")[1].split("?")[0] for rule in READ if "alert" in rule}

    assert linked <= uids


def test_the_operators_resource_holds_the_same_groups() -> None:
    """The PrometheusRule of the operator holds what was tested."""
    groups = yaml.safe_load(files(THRESHOLDS)["prometheusrule.yaml"])["spec"]["groups"]
    as_files = [
        group
        for name, text in files(THRESHOLDS).items()
        if name.endswith(".rules.yaml")
        for group in yaml.safe_load(text)["groups"]
    ]

    assert groups == as_files


def test_rules_stay_readable_for_debians_prometheus() -> None:
    """Group labels and query offsets are newer than 2.42."""
    for text in files(THRESHOLDS).values():
        for group in (yaml.safe_load(text) or {}).get("groups", ()):
            assert set(group) == {"name", "interval", "rules"}


def test_without_an_address_the_links_are_left_out() -> None:
    """No file ever points to an address that was never set."""
    assert all("_url" not in text for text in files(THRESHOLDS).values())
    assert "https://docs.test/runbooks/QueueBacklog.md" in files(THRESHOLDS, LINKS)["queue.rules.yaml"]


def test_every_number_is_used_by_its_alert() -> None:
    """A number that changes nothing looks like a tuned one."""
    topics = (*TOPICS.values(), *TWINS.values())
    for topic in topics:
        for builder in topic.BUILDERS:
            assert builder.__name__ in THRESHOLDS.alerts
    builders = {builder.__name__ for topic in topics for builder in topic.BUILDERS}

    assert set(THRESHOLDS.alerts) == builders


def test_alerts_are_routed_to_the_team_of_their_namespace(tmp_path: Path) -> None:
    """By full names and by beginnings of names; everything else, and what has no namespace, goes to the default team."""
    owners = (NamespacesOfTeam(team="ml", namespaces=("ml-*", "train.ing")),)
    teams = Teams(default="sre", owners=owners)
    (tmp_path / "teams.rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "g", "rules": [_namespace_alert(teams)]}]}), encoding="utf-8"
    )
    expected = {"ml-1": "ml", "xml-1": "sre", "train.ing": "ml", "trainXing": "sre", "ml": "sre"}
    test = {
        "interval": "1m",
        "input_series": [{"series": f'lynceus_up{{namespace="{name}"}}', "values": "1x5"} for name in expected],
        "promql_expr_test": [
            {
                "expr": f'sum by (namespace, team) (ALERTS{{namespace="{name}", team="{team}"}})',
                "eval_time": "3m",
                "exp_samples": [
                    {
                        "labels": f'{{namespace="{name}", team="{team}"}}',
                        "value": 1,
                    }
                ],
            }
            for name, team in expected.items()
        ],
    }
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"rule_files": ["teams.rules.yaml"], "tests": [test]}))

    promtool("test", "rules", tmp_path / "cases.yaml")


def _namespace_alert(teams: Teams) -> Json:
    alert = Alert(
        name="X", expr="lynceus_up > 0", severity="warning", summary="s", description="d", labels=("namespace",)
    )
    rule: Json = group_as_read(Group(name="g", interval_s=30, rules=(alert,)), Links(), teams)["rules"][0]
    return rule
