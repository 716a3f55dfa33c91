"""
A newcomer's first ten minutes on each Python of the machine: both commands of README work from a clean clone.

Every package has a newer release by then, as on any day after the locks were written.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_ports
from tests.start.machine import NEWER, Checkout, Interpreter, clone, interpreters, locked, publish

pytestmark = [pytest.mark.start, pytest.mark.timeout(900)]

RUNS, DEVELOPS = "requirements.lock", "requirements-dev.lock"
A_FEW_TESTS = "--no-cov -W ignore -k test_quantity"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a newer release of every locked package."""
    folder = tmp_path_factory.mktemp("newer")
    publish(folder, locked(RUNS, DEVELOPS))
    return folder


@pytest.fixture(scope="module", params=interpreters(), ids=lambda interpreter: interpreter.name)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    found: Interpreter = request.param
    return found


@dataclass(frozen=True, slots=True)
class SetUp:
    """A clone that is set up as README says, and what was installed after each step of it."""

    checkout: Checkout
    pip: str
    runs: dict[str, str]
    develops: dict[str, str]


def set_up(checkout: Checkout) -> SetUp:
    """Sets a clone up in the steps of `make demo` and `make test`."""
    checkout.make(".venv/.runs")
    runs = checkout.installed()
    checkout.make("setup")
    return SetUp(checkout, checkout.pip_version(), runs, checkout.installed())


@pytest.fixture(scope="module")
def started(interpreter: Interpreter, newer: Path, tmp_path_factory: pytest.TempPathFactory) -> SetUp:
    """A clean clone in a folder with a space in its path, set up by the pip that this Python ships."""
    return set_up(clone(tmp_path_factory.mktemp("my projects") / "lynceus", interpreter, newer))


def test_a_set_up_is_the_lock_and_nothing_newer(started: SetUp, interpreter: Interpreter) -> None:
    """The oldest pip installs the locked releases: those that run first, and those that develop beside them."""
    assert started.pip == interpreter.pip
    assert started.runs == locked(RUNS)
    assert started.develops == locked(RUNS, DEVELOPS)


def test_the_newest_pip_installs_the_same(interpreter: Interpreter, newer: Path, tmp_path: Path) -> None:
    """A virtual environment whose pip was upgraded before gets the same releases."""
    checkout = clone(tmp_path / "lynceus", interpreter, newer)
    checkout.run(interpreter.path, "-m", "venv", ".venv")
    checkout.pip("install", "-q", "--upgrade", "pip")

    found = set_up(checkout)

    assert found.pip > interpreter.pip
    assert found.runs == locked(RUNS)
    assert found.develops == locked(RUNS, DEVELOPS)


def test_resolving_a_lock_is_no_way_to_install_it(started: SetUp) -> None:
    """Without --no-deps, pip takes what is newer, and pip 23.2 refuses the lock: why the Makefile does not resolve."""
    pip = (".venv/bin/python", "-m", "pip", "install", "--dry-run", "--ignore-installed")
    by_lock = started.checkout.attempt(*pip, "--require-hashes", "-r", DEVELOPS)
    by_name = started.checkout.run(*pip, "coverage[toml]")

    assert by_lock.returncode != 0 or not started.pip.startswith("23.2")
    assert f"coverage-{NEWER}" in by_name


def test_the_demo_starts_and_ends(started: SetUp) -> None:
    """`make demo` shows a fleet for 20 seconds and ends with a summary."""
    port, _ = free_ports(2)

    shown = started.checkout.make("demo", f"DEMO=--for 20 --port {port}")

    assert f"http://127.0.0.1:{port}" in shown
    assert "objects observed" in shown
    assert "Traceback" not in shown


def test_the_tests_start(started: SetUp) -> None:
    """`make test` runs, here a few tests of it."""
    assert " passed" in started.checkout.make("test", PYTEST_ADDOPTS=A_FEW_TESTS)


def test_core_and_prices_hold(started: SetUp, interpreter: Interpreter) -> None:
    """What judges and prices gives the same on every Python."""
    if interpreter.version == sys.version_info[:2]:
        pytest.skip("this run's own Python: `make test` runs these tests on it")
    command = (".venv/bin/pytest", "-q", "-n", "2", "tests/core", "tests/prices")

    assert " passed" in started.checkout.run(*command)
