"""What is installed from npm: exact versions, vouched for by locks that name no registry."""

import json
import re
from pathlib import Path

import pytest

from tests.dashboards.look.packages import HERE
from tests.web.axe.rules import RULES

FOLDERS = [HERE, HERE / "schema", RULES]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_pin_is_exact(folder: Path) -> None:
    """The same packages a year from now."""
    pins = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]

    assert {name: pin for name, pin in pins.items() if not re.fullmatch(r"(npm:@[\w/]+@)?\d+\.\d+\.\d+", pin)} == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_lock_names_no_registry(folder: Path) -> None:
    """
    Each machine asks the registry that it is set up with.

    After a change of package.json: npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved
    """
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name: package for name, package in packages.items() if name}

    assert [name for name, package in installed.items() if "resolved" in package] == []
    assert [name for name, package in installed.items() if not package["integrity"].startswith("sha512-")] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_package_is_copyleft(folder: Path) -> None:
    """Grafana itself is AGPL and none of it is drawn with; only its packages under Apache-2.0 are."""
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert {
        name: package.get("license") for name, package in packages.items() if "GPL" in str(package.get("license"))
    } == {}
