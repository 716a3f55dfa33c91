"""
`python -m tests.bench.bills`: seconds and memory of an import of a million lines into an engine of its own.

The bill is Alibaba's item bill with 41 columns; each pod has two lines. Targets are shown, and a missed one is not a failure.
"""

import argparse
import resource
import tempfile
from pathlib import Path

from collector.billing.bill_import import import_bill
from collector.bills.read import BillReading
from collector.store.schema.migrate import migrate
from tests.bench.__main__ import about, out, say, verdict
from tests.bench.measure import Meter, cpu_s_of
from tests.bills.reading import ZH
from tests.store.running import start

SECONDS, MEMORY_MIB = 60, 1024
"""Targets for a million lines."""


def write_bill(path: Path, lines: int) -> None:
    """A bill of this many lines, two for each pod."""
    header, *rows = ZH.read_text("utf-8").splitlines()
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{header}\n")
        for number in range(lines):
            file.write(rows[number % 2].replace("bp1aaaa0001", f"bp1{number // 2:09d}") + "\n")


def measure(lines: int, folder: Path) -> dict[str, float]:
    """Imports a bill; the seconds, those of this process' CPU, and the most memory of this process."""
    write_bill(folder / "bill.csv", lines)
    running = start(folder)
    writer = running.writer()
    try:
        migrate(writer)
        meter = Meter()
        import_bill(
            writer, [folder / "bill.csv"], BillReading(load=1), accept_bad=False, is_final=True, progress=lambda _: None
        )
        cpu_s, wall_s = meter.read()
        store_cpu_s = cpu_s_of(running.process.pid)
        store_mib = most_mib_of(running.process.pid)
    finally:
        writer.close()
        running.stop()
    return {
        "lines": lines,
        "wall_s": round(wall_s, 1),
        "cpu_s": round(cpu_s, 1),
        "store_cpu_s": round(store_cpu_s, 1),
        "most_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "store_most_mib": store_mib,
    }


def most_mib_of(pid: int) -> int:
    """The most resident memory of another process so far."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bills", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    arguments = parser.parse_args()
    say(about())
    with tempfile.TemporaryDirectory() as folder:
        found = measure(arguments.lines, Path(folder))
    millions = arguments.lines / 1_000_000
    both = found["most_mib"] + found["store_most_mib"]
    out.print(
        f"{found['lines']:,} lines in {found['wall_s']} s "
        f"({verdict(found['wall_s'] <= SECONDS * millions)}: at most {SECONDS} s a million), "
        f"{found['cpu_s']} s of CPU and {found['store_cpu_s']} s of the store's, "
        f"{both} MiB with the store's ({verdict(both <= MEMORY_MIB)}: at most {MEMORY_MIB})"
    )
    say(found)


if __name__ == "__main__":
    main()
