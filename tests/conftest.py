"""Rules for all tests: how many examples are drawn, and which tests coverage is measured of."""

from pathlib import Path

import pytest

from tests.examples import load_profile

load_profile()

MEASURED = {"backfill", "billing", "catalog", "core", "pipeline", "prices", "settings"}
"""Rooms whose tests reach every branch of core, catalog and prices; tracing the others costs minutes and finds no more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Turns coverage off for the tests that the gate does not need."""
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        if room not in MEASURED:
            item.add_marker(pytest.mark.no_cover)
