"""What takes long to make and is only read: pages of bills, crawled once."""

from collections.abc import Iterator

import pytest

from tests.web.reports.crawled import Crawled
from tests.web.reports.laid import still


@pytest.fixture(scope="session")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    """All pages of a collector on a small past."""
    with still(tmp_path_factory.mktemp("crawl")) as running:
        yield Crawled(running)
