"""The two text formats among the answers: a configuration's YAML, and metrics."""

import json

import pytest

from collector.core.messages import ControllerMetrics, ControllerSettings
from collector.watch import controller_poll


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"parallelism": "100", "namespaceParallelism": "50"}, ControllerSettings(100, 50)),
        ({"config": "parallelism: 5\nworkflowDefaults:\n  spec: {parallelism: 9}\n"}, ControllerSettings(5, None)),
        ({"config": "{parallelism: 5, namespaceParallelism: '6'}", "parallelism": "7"}, ControllerSettings(5, 6)),
        ({"config": "  "}, ControllerSettings()),
        ({"config": "just words"}, None),
        ({"config": "null"}, None),
    ],
)
def test_settings_are_in_keys_or_in_one_yaml(data: dict[str, str], expected: ControllerSettings | None) -> None:
    """Argo reads `config` alone where it exists; limits inside a template's defaults are not the controller's."""
    assert controller_poll.settings(json.dumps({"data": data}).encode()) == expected


@pytest.mark.parametrize("config", ["a: [", "a: &a [*b]", "\x00"])
def test_yaml_that_cannot_be_read_is_an_error(config: str) -> None:
    """Argo would not start with it either."""
    with pytest.raises(ValueError, match=r"."):
        controller_poll.settings(json.dumps({"data": {"config": config}}).encode())


def test_what_is_no_config_map_has_no_settings() -> None:
    """The answer may be a proxy's page."""
    assert controller_poll.settings(b"<html>") is None


@pytest.mark.parametrize("text", [b"", b"\n", b"  \n "])
def test_an_empty_answer_is_a_standby_s(text: bytes) -> None:
    """Replicas of Argo that do not lead answer 200 with an empty body."""
    assert controller_poll.metrics(text) == ControllerMetrics(is_leader=False)


def test_metrics_of_3_5_are_read() -> None:
    """Plain text with classic names; lines that are not UTF-8 are not needed."""
    text = (
        b'# caf\xe9\nargo_workflows_count{status="Running"} 2\nargo_workflows_count{status="Error"} 1\ngo_threads 5\n'
    )

    assert controller_poll.metrics(text) == ControllerMetrics(workflows={"Running": 2.0, "Error": 1.0}, scheme="3.5")


def test_samples_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label may have very many values."""
    monkeypatch.setattr(controller_poll, "MOST_SAMPLES", 2)
    lines = "".join(f'argo_workflows_queue_depth_count{{queue_name="{n}"}} 1\n' for n in range(5)).encode()
    read = controller_poll.metrics(lines)

    assert read
    assert read.queue_depth == {"0": 1.0, "1": 1.0}
