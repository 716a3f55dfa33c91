"""
A collector in a process of its own whose reports are due at the instants that a file names, one a line.

    python -m tests.delivery.replica DUES run --config lynceus.yaml
"""

import sys
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.cli.main import main
from collector.service import deliveries
from collector.service.deliveries import Deliveries

LOOK_S = 0.2
CLAIM_MS = 25_000


class WrittenTimes:
    """The instants in a file, as a schedule."""

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        self._path, self._zone = path, zone

    def get_next_fire_time(self, _: datetime | None, now: datetime) -> datetime | None:
        times = (datetime.fromtimestamp(int(line), self._zone) for line in self._path.read_text().split())
        return min((at for at in times if at >= now), default=None)


if __name__ == "__main__":
    dues = Path(sys.argv.pop(1))
    setattr(deliveries, "schedule_of", lambda _, zone: WrittenTimes(dues, zone))  # noqa: B010
    usual = Deliveries.running

    def hurried(self: Deliveries) -> AbstractAsyncContextManager[None]:
        """Looks more often, and claims for a shorter time."""
        return usual(self, LOOK_S, CLAIM_MS)

    setattr(Deliveries, "running", hurried)  # noqa: B010
    main()
