"""Alertmanager's configuration, judged by its own amtool: who gets what, and what mutes what."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts import build
from alerts.alertmanager import configuration
from alerts.delivery import DeliveryError, load
from alerts.inhibitions import INHIBITIONS, SAME_ALERT, STUCK_BY
from alerts.thresholds import load as load_thresholds
from collector.core.workflow.stuck import REMEDIES

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "delivery.yaml"
ALERTS = [a for groups in build(load_thresholds()).values() for group in groups for a in group.alerts]
LABELS = {alert.name: {*alert.labels, *alert.more_labels} for alert in ALERTS}


def amtool(*arguments: str | Path) -> str:
    """What amtool prints; fails with its output if it reports an error, or with the remedy if it is missing."""
    tool = shutil.which("amtool")
    assert tool, "amtool is not installed; run: apt-get install prometheus-alertmanager"
    ran = subprocess.run([tool, *arguments], capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0, (ran.stdout + ran.stderr).decode()
    return ran.stdout.decode()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of the example."""
    file = tmp_path / "alertmanager.yaml"
    file.write_text(configuration(load(EXAMPLE, set(LABELS))), encoding="utf-8")
    return file


def test_alertmanager_takes_the_file(config: Path) -> None:
    """All that the example shows: webhooks, Slack, mail, office hours, a mute time and the inhibitions."""
    output = amtool("check-config", config)

    assert "SUCCESS" in output
    assert f"{len(INHIBITIONS) + 1} inhibit rules" in output


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=Watchdog severity=none team=sre", "watchdog"),
        ("alertname=QueueBacklog severity=critical team=ml cluster=prod", "ml-page"),
        ("alertname=UserFailureBurst severity=warning team=ml cluster=prod", "ml-ticket"),
        ("alertname=ControllerOOMKilled severity=critical team=sre cluster=prod", "sre-page"),
        ("alertname=QueueBacklog severity=critical team=unknown cluster=prod", "sre-page"),
        ("alertname=RollupOld severity=warning", "sre-ticket"),
    ],
)
def test_alerts_reach_their_team_by_urgency(config: Path, labels: str, receiver: str) -> None:
    """A team without receivers is the first team's."""
    assert amtool("config", "routes", "test", f"--config.file={config}", *labels.split()).strip() == receiver


def test_every_route_that_sends_pages_can_be_muted(config: Path) -> None:
    """Mute times are not inherited, so they stand where an alert leaves."""
    routes = yaml.safe_load(config.read_text(encoding="utf-8"))["route"]["routes"]
    leaves = [leaf for route in routes for leaf in route.get("routes", ())]
    muted = [leaf for leaf in leaves if leaf.get("mute_time_intervals") == ["upgrade-of-prod"]]

    assert {leaf["receiver"] for leaf in muted} == {"ml-page", "ml-ticket", "sre-page", "sre-ticket"}
    assert all('cluster="prod-hz"' in leaf["matchers"] for leaf in muted)
    assert {leaf["receiver"] for leaf in leaves if "active_time_intervals" in leaf} == {"ml-ticket", "sre-ticket"}


def test_inhibitions_name_alerts_that_exist() -> None:
    """An alert that was renamed would page beside its cause."""
    named = {name for one in INHIBITIONS for name in (*one.sources, *one.targets, *one.never)}

    assert named - set(LABELS) == set()


def test_labels_that_must_be_equal_are_there_on_both_sides() -> None:
    """A label that both lack counts as equal, and would mute alerts of other clusters."""
    missing = [
        (name, label)
        for one in INHIBITIONS
        for name in (*one.sources, *one.targets)
        for label in one.equal
        if label not in LABELS[name]
    ]

    assert missing == []


def test_no_two_alerts_mute_each_other() -> None:
    """Alertmanager would send neither."""
    mutes = {(source, target) for one in INHIBITIONS for source in one.sources for target in one.targets}

    assert {(source, target) for source, target in mutes if (target, source) in mutes} == set()


def test_a_cause_that_is_named_is_one_that_stuck_workflows_have() -> None:
    """A word that was renamed would mute nothing."""
    assert set(STUCK_BY) <= set(REMEDIES)


def test_a_page_and_its_ticket_have_the_same_labels() -> None:
    """So a page mutes the ticket of the same series and of no other."""
    for name in LABELS:
        same = {frozenset(alert.labels) for alert in ALERTS if alert.name == name}

        assert len(same) == 1, name
    both = {a.name for a in ALERTS if a.severity == "critical"} & {a.name for a in ALERTS if a.severity == "warning"}
    assert {label for name in both for label in LABELS[name]} - {"long", "short"} <= set(SAME_ALERT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("teams: {}\nwatchdog: {}", "teams: name at least one team"),
        ("teams: {a: {page: {}, ticket: {webhook: [{url: u}]}}}\nwatchdog: {}", "teams.a.page: sends nowhere"),
        ("teams: {a: {page: {email: [{to: x}]}, ticket: {webhook: [{url: u}]}}}\nwatchdog: {}", "needs smtp"),
        (
            (
                "teams: {a: {page: {webhook: [{url: u}]}, ticket: {webhook: [{url: u}]}}}\nwatchdog: {}\n"
                "mute: [{name: m, from: '01:00', to: '02:00', days: sunday, alerts: [QueueBaklog]}]"
            ),
            "mute.m: no alert is named QueueBaklog",
        ),
        ("teams: {a: {page: {mail: []}}}\nwatchdog: {}", "unknown field `mail`"),
    ],
)
def test_a_mistake_names_its_place(tmp_path: Path, text: str, message: str) -> None:
    """A receiver that sends nowhere looks like one that works until the night."""
    (tmp_path / "delivery.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(DeliveryError, match=r"delivery\.yaml: ") as caught:
        load(tmp_path / "delivery.yaml", set(LABELS))
    assert message in str(caught.value)
