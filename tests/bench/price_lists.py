"""
`python -m tests.bench.price_lists`: memory and CPU that the import of a big offer file takes, beside Python's own reader.

Each case runs in a process of its own. Memory is by how much the process grew at its highest; the file is most of it.
"""

import argparse
import csv
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from collector.prices.official.alibaba_answers import QueriedSize
from collector.prices.official.as_book import Wanted, import_lists
from collector.prices.official.files import read_lists
from tests.bench.__main__ import about, out, say

MIB = 1024 * 1024
REGIONS = 30
METERS = {
    "Fargate-vCPU-Hours:perCPU": "0.0404800000",
    "Fargate-GB-Hours": "0.0044450000",
    "Fargate-EphemeralStorage-GB-Hours": "0.0001110000",
    "AmazonEKS-Hours:perCluster": "0.1000000000",
}
FACTS = {f"fact{i}": f"a fact of the machine type, number {i}" for i in range(20)}
"""Attributes of a product besides those that are read."""


def products(count: int) -> Iterator[tuple[str, str, str, str]]:
    """SKU, usage type, region and price: Fargate in each region, and machine types as many as wanted."""
    for region in range(REGIONS):
        for meter, price in METERS.items():
            yield f"FARGATE{region}{meter[8:12]}{len(meter)}", f"R{region}-{meter}", f"region-{region}", price
    for i in range(count):
        yield f"MACHINE{i:09}", f"R{i % REGIONS}-EKS-Auto:m{i}.large", f"region-{i % REGIONS}", "0.0115200000"


def write_json(path: Path, count: int) -> None:
    """An offer file as JSON."""
    known: dict[str, Any] = {}
    terms: dict[str, Any] = {}
    for sku, usage, region, price in products(count):
        attributes = {"usagetype": usage, "regionCode": region, "locationType": "AWS Region", **FACTS}
        known[sku] = {"sku": sku, "productFamily": "Compute", "attributes": attributes}
        dimension = {"unit": "hours", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": price}}
        term = {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {f"{sku}.T.D": dimension}}
        terms[sku] = {f"{sku}.T": term}
    document = {"offerCode": "AmazonEKS", "version": "1", "products": known, "terms": {"OnDemand": terms}}
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)


def write_csv(path: Path, count: int) -> None:
    """The same prices as CSV."""
    usual = {"TermType": "OnDemand", "EffectiveDate": "2026-11-01", "StartingRange": "0", "EndingRange": "Inf"}
    usual |= {"Unit": "hours", "Currency": "USD", "Location Type": "AWS Region", **FACTS}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([("FormatVersion", "v1.0"), ("Version", "1"), ("OfferCode", "AmazonEKS")])
        writer.writerow(("SKU", "usageType", "Region Code", "PricePerUnit", *usual))
        writer.writerows((*product, *usual.values()) for product in products(count))


def import_file(path: Path) -> int:
    """Make a book of a file; the number of its rows."""
    return len(import_lists(read_lists([path], QueriedSize()), Wanted("bench", "2026-11-30")).rows)


def load_file(path: Path) -> int:
    """Load the file as Python's json does."""
    with path.open(encoding="utf-8") as file:
        return len(json.load(file)["products"])


@dataclass(frozen=True, slots=True)
class Took:
    """What one case took."""

    answer: int
    cpu_s: float
    grown_mib: float


def _run(case: Callable[[Path], int], path: Path) -> Took:
    before, begun = _highest_kib(), time.process_time()
    answer = case(path)
    return Took(answer, time.process_time() - begun, (_highest_kib() - before) / 1024)


def _highest_kib() -> int:
    """The most memory that this process had; getrusage gives that of the process that started it, if it was more."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))


def measure(case: Callable[[Path], int], path: Path) -> Took:
    """Run a case in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (case, path))


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.price_lists", description=__doc__)
    parser.add_argument("--products", type=int, default=63_000)
    arguments = parser.parse_args()
    say(about())
    table = Table(title="one offer file", title_justify="left")
    for name in ("case", "file, MiB", "CPU, s", "memory, MiB"):
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        files = {"json": Path(folder) / "index.json", "csv": Path(folder) / "index.csv"}
        write_json(files["json"], arguments.products)
        write_csv(files["csv"], arguments.products)
        for name, case, kind in (
            ("JSON", import_file, "json"),
            ("CSV", import_file, "csv"),
            ("json.load", load_file, "json"),
        ):
            took, size = measure(case, files[kind]), files[kind].stat().st_size / MIB
            table.add_row(name, f"{size:.0f}", f"{took.cpu_s:.2f}", f"{took.grown_mib:.0f}")
            say({"case": name, "file_mib": round(size), "cpu_s": took.cpu_s, "memory_mib": took.grown_mib})
    out.print(table)


if __name__ == "__main__":
    main()
