"""Stores of several departments, which the tests of this folder share."""

from collections.abc import Iterator

import pytest

from tests.store.embedded.tenants import TENANTS, Stores, serve, tokens_of


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    tokens = tokens_of(TENANTS)
    running = [serve(tmp_path_factory.mktemp("tenants"), TENANTS, tokens)]
    running += [serve(tmp_path_factory.mktemp("tenant"), [tenant], tokens) for tenant in TENANTS]
    yield Stores(running[0], dict(zip(TENANTS, running[1:], strict=True)), tokens)
    for store in running:
        assert store.stop() == 0
