"""
A replica in a process of its own, which takes a folder for its pod's service account.

    python -m tests.replica_process ACCOUNT SPEED run --config lynceus.yaml

SPEED divides the times of Leases.
"""

import sys
from pathlib import Path

from collector.cli.main import main
from collector.kube import lease, lease_requests
from collector.service import shards


def hurry(speed: float) -> None:
    """Divides the times of Leases."""
    for name in ("DEADLINE_S", "RENEW_S", "LOOK_S", "YIELD_S", "LONGEST_YIELD_S"):
        setattr(lease, name, getattr(lease, name) / speed)
    short = max(1, round(lease.LEASE_S / speed))
    for module in (lease, shards):
        setattr(module, "LEASE_S", short)  # noqa: B010
    setattr(shards, "LOOK_S", lease.LOOK_S)  # noqa: B010


if __name__ == "__main__":
    account, speed = Path(sys.argv[1]), float(sys.argv[2])
    setattr(lease_requests, "SERVICE_ACCOUNT", account)  # noqa: B010
    if speed != 1:
        hurry(speed)
    del sys.argv[1:3]
    main()
