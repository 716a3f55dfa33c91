"""
A process that commits to a spool as fast as it can and says after each commit which one is done; a test kills it.
"""

import sys
from pathlib import Path

from collector.core.messages import Checkpoint, Commit, Cursor
from collector.store.spool.spool import Spool, open_spool
from tests.store.facts import a_sample

FACTS = 3


def committed(spool: Spool) -> int:
    """The number of the last commit, from its position."""
    cursors = spool.load().cursors
    return int(cursors[0].resource_version) if cursors else 0


def main() -> None:
    """Commits for ever."""
    spool = open_spool(Path(sys.argv[1]), 1 << 30, 1)
    number = committed(spool)
    while True:
        number += 1
        cursor = Cursor(
            cluster="c", kind="pods", resource_version=str(number), epoch=0, cluster_uid="u", at=1, totals={}
        )  # fmt: skip
        state = Checkpoint(cluster="c", kind="pods", uid="p", state=str(number).encode())
        facts = [a_sample(number * FACTS + n) for n in range(FACTS)]
        spool.commit(Commit(at=1, facts=facts, cursors=[cursor], upserts=[state]))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
