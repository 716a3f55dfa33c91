"""
Fixtures for tests that need a real API server; every test in this folder is marked `cluster`.

The folder sets the mark: a forgotten mark would add minutes of compiling to `make test`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import build
from tests.cluster.testbed import ControlPlane

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds the programs if a test here is to run: in a fixture, compiling would count against the test's timeout."""
    if not session.config.option.collectonly and any(HERE in item.path.parents for item in session.items):
        build.programs()


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One control plane for the session; tests share it, so each works in namespaces of its own or clears them."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture
def fresh_control_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane of the test's own (three seconds more), for a test that breaks it or counts from revision one."""
    with ControlPlane(tmp_path) as plane:
        yield plane
