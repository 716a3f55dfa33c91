"""
One ClickHouse server out of chdb: `python -m tests.store_cluster.node FOLDER SECONDS`, in a process of its own.

chdb's LocalServer is ClickHouse's own: it obeys SYSTEM START LISTEN, and then serves HTTP and the native protocol with the
users, clusters and macros of FOLDER/config.xml, for as long as its query runs: a second for each row. Importing chdb reads
config.xml of the current folder, hence the empty one. One server in the life of a process.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SERVE = (
    "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; SELECT sleepEachRow(1) FROM numbers({}) "
    "SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0 FORMAT Null"
)


def main() -> None:
    """Serves until the time is up."""
    folder, seconds = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    (folder / "empty").mkdir()
    os.chdir(folder / "empty")
    from chdb import _chdb  # noqa: PLC0415 - reads a file of the current folder

    os.chdir(folder)
    query: Callable[..., Any] = vars(_chdb)["query"]
    answer = query(SERVE.format(seconds), "TSVRaw", path=str(folder / "data"))
    sys.stdout.write(f"ended: {answer.error_message() or 'its time was up'}\n")


if __name__ == "__main__":
    main()
