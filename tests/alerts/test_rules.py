"""Every alert: does it parse, fire, keep silent, say enough, and name what exists?"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from alerts import ALL
from alerts.files import files
from alerts.queue import OwnDepth
from alerts.rules import Alert, group_as_read
from alerts.thresholds import FILE, load
from dashboards import ALL as DASHBOARDS
from generate.folder import out_of_date, write
from tests.promtool.promql import check_against_catalogue
from tests.promtool.tool import promtool

Json = dict[str, Any]

THRESHOLDS = load()
GROUPS = {topic: build(THRESHOLDS) for topic, build in ALL.items()}
ALERTS = [alert for group in GROUPS.values() for alert in group.alerts]
READ = [rule for group in GROUPS.values() for rule in group_as_read(group, THRESHOLDS.links)["rules"]]
OLDEST = "lynceus_queue_oldest_age_seconds"
GENERATED = FILE.parent / "generated"
RUNBOOKS = FILE.parent / "runbooks"
CASES = Path(__file__).parent.parent / "promtool"

every_alert = pytest.mark.parametrize("alert", ALERTS, ids=[f"{a.name}-{a.severity}" for a in ALERTS])
every_topic = pytest.mark.parametrize("topic", ALL)


def test_generated_files_are_fresh() -> None:
    """What is checked in is what the code and thresholds.yaml make; no more, no less."""
    assert out_of_date(GENERATED, files(THRESHOLDS)) == [], "run: make generate"


def test_files_that_nothing_makes_are_noticed_and_removed(tmp_path: Path) -> None:
    """An alert file that was dropped from the code does not go on paging."""
    (tmp_path / "old.rules.yaml").write_text("groups: []")

    assert "old.rules.yaml" in out_of_date(tmp_path, files(THRESHOLDS))
    write(tmp_path, files(THRESHOLDS))
    assert out_of_date(tmp_path, files(THRESHOLDS)) == []


def test_promtool_takes_the_rules() -> None:
    """The parser of Debian's Prometheus, which is older than most that are in use, and its search for duplicates."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", *sorted(GENERATED.glob("*.rules.yaml")))


@every_topic
def test_alerts_fire_and_keep_silent_as_their_cases_say(topic: str) -> None:
    """The cases of tests/promtool, with exact labels and texts."""
    promtool("test", "rules", CASES / f"{topic}.yaml")


@every_alert
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert: Alert) -> None:
    """An alert that was never seen to fire, or never to keep silent, is a guess."""
    cases = [
        case
        for file in CASES.glob("*.yaml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == alert.name
    ]
    severities = {e["exp_labels"]["severity"] for case in cases for e in case.get("exp_alerts", ())}

    assert alert.severity in severities
    # The watchdog has no case in which it would be right to keep silent.
    assert alert.name == "Watchdog" or any(not case.get("exp_alerts") for case in cases)


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


@pytest.mark.parametrize("rule", READ, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_name_what_the_catalogue_exposes(rule: Json) -> None:
    """A renamed metric or label breaks here, not in the night when the alert should have fired."""
    check_against_catalogue(rule["expr"])


def test_dashboard_links_lead_to_dashboards_that_exist() -> None:
    """By the uid that survives regeneration."""
    uids = {build()["uid"] for build in DASHBOARDS.values()}
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


def test_a_queue_can_have_a_depth_of_its_own(tmp_path: Path) -> None:
    """The others keep the usual one, and a name full of signs stays one name."""
    own = OwnDepth(queue='night.ly|"x\\', depth=5000, reason="filled at 22:00")
    queue = msgspec.structs.replace(THRESHOLDS.queue, backlog_own_depth=[own])
    thresholds = msgspec.structs.replace(THRESHOLDS, queue=queue)
    write(tmp_path, files(thresholds))
    both = "max by (queue) (ALERTS{alertname='QueueBacklog'})"
    series = {
        f"{metric}{{cluster='c', namespace='n', queue={json.dumps(name)}{more}}}": f"{value}x60"
        for name in (own.queue, "others")
        for metric, more, value in (("lynceus_queue_depth", ", reason='lock'", 4000), (OLDEST, "", 2000))
    }
    series["lynceus_cluster_up{cluster='c'}"] = "1x60"
    expected = {"expr": both, "eval_time": "30m", "exp_samples": [{"labels": '{queue="others"}', "value": 1}]}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [expected],
    }
    cases = {"rule_files": ["queue.rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(cases))

    promtool("test", "rules", tmp_path / "cases.yaml")


def test_a_threshold_that_no_alert_knows_is_an_error(tmp_path: Path) -> None:
    """A typing mistake must not look like a tuned number."""
    (tmp_path / "thresholds.yaml").write_text(FILE.read_text().replace("oom_window_m", "oom_windw_m"))

    with pytest.raises(SystemExit, match=r"thresholds.yaml: .*oom_windw_m"):
        load(tmp_path / "thresholds.yaml")


def test_every_number_has_a_reason() -> None:
    """An operator who changes a number should know its reason."""
    numbers = yaml.safe_load(FILE.read_text())

    for topic in numbers.values():
        for name, number in topic.items():
            assert isinstance(number, list) or number["reason"], name
