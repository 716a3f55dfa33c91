"""The backups below one folder: which are complete, which are removed, and that nothing else ever is."""

from pathlib import Path

import pytest

from collector.store.backup_series import begun_at, complete, name_at, remove_interrupted, remove_old
from collector.store.manifest import FORMAT, PRODUCT, Manifest, write_manifest

FIRST = 1_796_000_000_000
HOUR = 3_600_000


def a_backup(folder: Path, at: int, product: str = PRODUCT) -> Path:
    """A folder as a collector leaves it."""
    made = folder / name_at(at)
    made.mkdir(parents=True)
    (made / "facts").write_bytes(b"rows")
    manifest = Manifest(
        product=product, format=FORMAT, lynceus="0.1.0", taken_at="", migrations=[], tables={}, files={}
    )
    write_manifest(made, manifest)
    return made


def test_a_name_has_the_instant_of_the_begin(tmp_path: Path) -> None:
    """To the second, in UTC; names are in the order of time."""
    assert name_at(FIRST) == "lynceus-20261130T005320Z"
    assert begun_at(tmp_path / name_at(FIRST + 999)) == FIRST
    assert complete(tmp_path / "none") == []


def test_all_but_the_newest_are_removed(tmp_path: Path) -> None:
    """Fewer than are kept: none is."""
    made = [a_backup(tmp_path, FIRST + hours * HOUR) for hours in (2, 0, 1)]

    assert remove_old(tmp_path, 3) == []
    assert remove_old(tmp_path, 2) == [made[1]]
    assert complete(tmp_path) == [made[2], made[0]]


def test_what_a_collector_did_not_make_is_never_removed(tmp_path: Path) -> None:
    """A folder of a person's, another product's, a damaged one, a file, and what a link leads to."""
    newest = a_backup(tmp_path, FIRST + 9 * HOUR)
    by_hand = a_backup(tmp_path, FIRST)
    by_hand = by_hand.rename(tmp_path / "before-the-upgrade")
    foreign = a_backup(tmp_path, FIRST + HOUR, product="other")
    damaged = a_backup(tmp_path, FIRST + 2 * HOUR)
    (damaged / "manifest.json").write_text("{", encoding="utf-8")
    elsewhere = a_backup(tmp_path / "elsewhere", FIRST + 3 * HOUR)
    link = tmp_path / name_at(FIRST + 3 * HOUR)
    link.symlink_to(elsewhere)
    (tmp_path / name_at(FIRST + 4 * HOUR)).write_text("a file", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))

    assert remove_old(tmp_path, 1) == []
    remove_interrupted(tmp_path)

    assert sorted(tmp_path.rglob("*")) == before
    assert {newest, by_hand, foreign, damaged, link} <= set(before)


def test_what_an_interrupted_backup_left_is_removed(tmp_path: Path) -> None:
    """It would fill the disk, copy by copy; one that a person began under another name stays."""
    left, other = tmp_path / f"{name_at(FIRST)}.partial-x1", tmp_path / "mine.partial-x1"
    for folder in (left, other):
        (folder / "facts").mkdir(parents=True)

    remove_interrupted(tmp_path)
    remove_interrupted(tmp_path / "none")

    assert [path.name for path in tmp_path.iterdir()] == ["mine.partial-x1"]


@pytest.mark.parametrize("name", ["lynceus-20261130T005320Z", "lynceus-20261130T005320Z.partial-a"])
def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path, name: str) -> None:
    """It counts neither as the newest nor as one that is kept."""
    (tmp_path / name).mkdir()

    assert complete(tmp_path) == []
