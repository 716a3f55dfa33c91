"""`lynceus size`: what it prints for a load."""

import json

import pytest
import yaml

from collector.catalog.size import Load
from collector.cli.size import SHIPPED_DISK, _with_retention, report
from collector.settings.model import Settings, SettingsError
from tests.commands import ROOT, run_command

LOAD = Load(pods_per_day=1_000_000, workflows_per_day=50_000)


def test_a_disk_lasts_longer_if_less_is_kept() -> None:
    """Retention on the command line is tried without a change of the settings."""
    for_ever = _with_retention(Settings(), ["step_run=forever", "pod_run=forever", "workflow_run=forever"])
    usual = report(LOAD, Settings(), "500Gi")
    larger = report(LOAD, for_ever, "500Gi")

    assert {row[0]: row[1] for row in larger.rows}["step_run"] == "forever"
    assert larger.totals[0][-1] > usual.totals[0][-1]
    assert usual.notes[1].startswith("A disk of 500Gi lasts ")


def test_an_invalid_option_is_an_error() -> None:
    """With the option and the remedy."""
    with pytest.raises(SettingsError, match=r"--disk: invalid size 'fifty', expected a size like 50Gi"):
        report(LOAD, Settings(), "fifty")
    with pytest.raises(SettingsError, match=r"--retention: pod_cost: money is kept for ever"):
        _with_retention(Settings(), ["pod_cost=400d"])


def test_programs_get_numbers() -> None:
    """As all reports, in JSON; without a store, a cluster or settings."""
    done = run_command("size", "--pods-per-day=5000000", "--clusters=20", "--format=json")

    made = json.loads(done.stdout)
    assert {row["table"] for row in made["rows"]} >= {"pod_run", "pod_cost", "step_run"}
    assert made["totals"][0]["30d"] > 10_000


def test_the_default_disk_is_the_shipped_one() -> None:
    """A volume of another size in the manifests would make the answer wrong for who uses them."""
    manifests = yaml.safe_load_all((ROOT / "deploy" / "kustomize" / "deployment.yaml").read_text(encoding="utf-8"))
    claims = [one for one in manifests if one["kind"] == "PersistentVolumeClaim"]

    assert [claim["spec"]["resources"]["requests"]["storage"] for claim in claims] == [SHIPPED_DISK]
