"""Numbers that an operator tunes: by a file, by single values, and what is refused."""

import json
from pathlib import Path

import pytest
import yaml

from alerts import build
from alerts.files import files
from alerts.numbers import span
from alerts.thresholds import FOLDER, ThresholdError, load
from generate.folder import write
from tests.promtool.tool import promtool

OWN = """
teams: {default: on-call, owners: [{team: ml, namespaces: [ml-*]}]}
alerts:
  queue_backlog:
    age: 30
    depth:
      value: 200
      overrides:
        - {queue: "night.ly|x", value: 5000, reason: filled at 22:00}
        - {cluster: small, queue: burst, value: 3, reason: three are many here}
"""


def test_an_operators_file_changes_what_it_names(tmp_path: Path) -> None:
    """Everything else keeps the shipped value and reason."""
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    shipped, own = load(), load(tmp_path / "own.yaml", {"queue_backlog.hold": "7"})
    numbers = own.alerts["queue_backlog"]

    assert (numbers["age"].value, numbers["depth"].value, numbers["hold"].value) == (30, 200, 7)
    assert numbers["keep"] == shipped.alerts["queue_backlog"]["keep"]
    assert numbers["depth"].reason == shipped.alerts["queue_backlog"]["depth"].reason
    assert own.teams.default == "on-call"


def test_every_queue_has_the_depth_that_was_meant(tmp_path: Path) -> None:
    """One series is judged by one rule, in a real evaluation."""
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    write(tmp_path / "rules", files(load(tmp_path / "own.yaml")))
    depths = {("big", "night.ly|x"): 4999, ("big", "burst"): 199, ("small", "burst"): 4, ("small", "other"): 201}
    series = {
        f"{metric}{{cluster='{cluster}', namespace='n', queue={json.dumps(queue)}{more}}}": f"{value}x60"
        for (cluster, queue), depth in depths.items()
        for metric, more, value in (
            ("lynceus_queue_depth", ", reason='lock'", depth),
            ("lynceus_queue_oldest_age_seconds", "", 2000),
        )
    }
    series |= {f"lynceus_cluster_up{{cluster='{cluster}'}}": "1x60" for cluster in ("big", "small")}
    expected = [("small", "burst"), ("small", "other")]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": "count by (cluster, queue) (ALERTS{alertname='QueueBacklog', team='on-call'})",
                "eval_time": "30m",
                "exp_samples": [
                    {"labels": f'{{cluster="{cluster}", queue="{queue}"}}', "value": 1} for cluster, queue in expected
                ],
            }
        ],
    }
    rules = str(tmp_path / "rules" / "queue.rules.yaml")
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"rule_files": [rules], "tests": [test]}))

    promtool("test", "rules", tmp_path / "cases.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alerts: {queue_backlg: {depth: 1}}", "alerts.queue_backlg.depth: no alert has these thresholds; known are"),
        (
            "alerts: {queue_backlog: {dept: 1}}",
            "alerts.queue_backlog.dept: no such number; queue_backlog has depth, age",
        ),
        ("alerts: {queue_backlog: {depth: many}}", "own.yaml: Expected"),
        ("alrts: {}", "own.yaml: Object contains unknown field `alrts`"),
        ("alerts: [", "own.yaml: "),
    ],
)
def test_a_mistake_names_its_place_and_what_is_known(tmp_path: Path, text: str, message: str) -> None:
    """A typing mistake must not look like a tuned number."""
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(ThresholdError, match=r"own\.yaml") as caught:
        load(tmp_path / "own.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("queue_backlog.depth", "many"), ("queue_backlog.depth", "true")])
def test_a_single_value_must_be_a_number(name: str, value: str) -> None:
    """The message says which unit is meant."""
    with pytest.raises(ThresholdError, match=r"--set queue_backlog\.depth=.*: expected a number of workflows"):
        load(values={name: value})


def test_an_override_by_a_label_that_an_alert_lacks_is_refused(tmp_path: Path) -> None:
    """It would look like an exception and change nothing."""
    own = "alerts: {controller_oom_killed: {window: {overrides: [{queue: q, value: 1, reason: r}]}}}"
    (tmp_path / "own.yaml").write_text(own, encoding="utf-8")

    with pytest.raises(
        ThresholdError, match="controller_oom_killed: an override names queue, but its series have cluster"
    ):
        build(load(tmp_path / "own.yaml"))


def test_every_number_has_a_reason() -> None:
    """An operator who changes a number should know its reason."""
    for path in FOLDER.glob("*.yaml"):
        for alert, numbers in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            for name, number in numbers.items():
                assert number["reason"], f"{path.name}: {alert}.{name}"


def test_times_are_written_in_the_largest_whole_unit() -> None:
    """As a person would."""
    assert [span(seconds) for seconds in (0, 0.2, 30, 90, 3600, 86400, 604800)] == [
        "",
        "1s",
        "30s",
        "90s",
        "1h",
        "1d",
        "1w",
    ]
