"""
Helm and kustomize for the tests with the mark `deploy`, built from their Go modules before the first of them.
"""

import pytest

from tests.cluster import build


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds the programs if a test needs them: in a fixture, compiling would count against the test's timeout."""
    if not session.config.option.collectonly and any(item.get_closest_marker("deploy") for item in session.items):
        build.programs(build.RENDER)
