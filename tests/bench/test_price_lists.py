"""The bench of price lists imports what it writes. Nothing is timed here."""

from pathlib import Path

from tests.bench.price_lists import REGIONS, import_file, load_file, products, write_csv, write_json


def test_both_formats_give_the_same_book(tmp_path: Path) -> None:
    """A row of vCPU and memory and one of storage for each region; machine types are skipped."""
    write_json(tmp_path / "index.json", 50)
    write_csv(tmp_path / "index.csv", 50)

    assert import_file(tmp_path / "index.json") == import_file(tmp_path / "index.csv") == 2 * REGIONS
    assert load_file(tmp_path / "index.json") == len({sku for sku, *_ in products(50)}) == 50 + 4 * REGIONS
