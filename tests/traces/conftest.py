"""One running store for the tests of this folder, migrated; each test finds its tables empty."""

from tests.billing.conftest import engine, store

__all__ = ["engine", "store"]
