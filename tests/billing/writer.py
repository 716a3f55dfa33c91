"""
A collector as the store sees it: pods that end one after another, each written with its charges under every run there is.

After a restart it writes everything again, which changes nothing.
"""

import sys
import time
from pathlib import Path

from collector.billing import runs
from collector.store.clickhouse import connect
from tests.billing.stored import charges_of, write_all
from tests.builders import NOON, a_pod_run, version
from tests.reports.stored import a_run

PAUSE_S = 0.05


def main(url: str, token_file: str, pods: int) -> None:
    """Writes a number of pods, and prints a line at the end."""
    store = connect(url, "lynceus", Path(token_file))
    for i in range(pods):
        pod = a_pod_run(
            uid=f"late-{i:04}", node_id=f"late-{i}", workflow_uid="late", version=version(200), created_at=NOON + i
        )
        run = a_run("late", department="late")
        [day] = {charge.day for charge in charges_of(pod, run)}
        write_all(store, [run, pod])
        for number in runs.current_runs(store).of(day):
            write_all(store, charges_of(pod, run, pricing_run=number))
        time.sleep(PAUSE_S)
    sys.stdout.write("written\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
