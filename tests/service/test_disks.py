"""The free space of the disks that the collector needs: read in threads, and unknown while a disk hangs."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.core.live_view import Disk
from collector.service import disks
from collector.service.disks import Disks, of_path
from collector.settings.model import Settings, StoreSettings
from tests.store.running import start


def until(condition: Callable[[], bool]) -> None:
    """Waits for what a thread does."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def test_a_folder_has_the_space_of_its_disk(tmp_path: Path) -> None:
    """As `df` shows it to this user: what is reserved for root is not free."""
    use, disk = shutil.disk_usage(tmp_path), of_path("data", tmp_path)

    assert disk is not None
    assert (disk.name, disk.size_bytes) == ("data", use.total)
    assert abs(disk.free_bytes - use.free) < 1 << 30
    assert of_path("store", tmp_path / "none") is None


def test_the_disks_of_an_embedded_store_are_those_of_its_folders(tmp_path: Path) -> None:
    """The store's folder may be a volume of its own."""
    (tmp_path / "store").mkdir()
    found = Disks(Settings(data_dir=str(tmp_path)))
    with found.watching():
        until(lambda: len(found.use()) == 2)

    assert {disk.name for disk in found.use()} == {"data", "store"}


def test_the_folder_of_a_new_store_is_found_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made after the first look, and a minute without a figure would be a hole at each first start."""
    monkeypatch.setattr(disks, "FIRST_S", 0.01)
    found = Disks(Settings(data_dir=str(tmp_path)))
    with found.watching():
        until(lambda: len(found.use()) == 1)
        (tmp_path / "store").mkdir()
        until(lambda: len(found.use()) == 2)


def test_a_disk_that_hangs_holds_nothing_up_and_becomes_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network disk without its server blocks a look for as long; the last figures are not shown for ever."""
    hangs, looks = threading.Event(), list[str]()

    def look(name: str, path: Path) -> Disk:
        looks.append(name)
        if looks.count(name) > 1 and name == "data":
            hangs.wait(30)
        return Disk(name, 1, 2)

    monkeypatch.setattr(disks, "of_path", look)
    found = Disks(Settings(data_dir=str(tmp_path)), every_s=0.001)
    began = time.monotonic()
    with found.watching():
        until(lambda: looks.count("store") > 3 and looks.count("data") == 2)
        shown = {disk.name for disk in found.use()}
        monkeypatch.setattr(disks, "KNOWN_S", -1.0)
        later = found.use()
    hangs.set()

    assert shown == {"data", "store"}
    assert later == []
    assert time.monotonic() - began < 10


def test_a_disk_that_cannot_be_read_is_reported_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The look goes on: a disk may come back."""
    looks = list[str]()

    def look(name: str, path: Path) -> Disk:
        looks.append(name)
        if looks.count(name) < 4:
            raise OSError("stale file handle")
        return Disk(name, 1, 2)

    monkeypatch.setattr(disks, "of_path", look)
    found = Disks(Settings(data_dir=str(tmp_path)), every_s=0.001)
    with caplog.at_level("INFO"), found.watching():
        until(lambda: len(found.use()) == 2)

    assert [r.message for r in caplog.records] == ["the free space of a disk cannot be read"] * 2


def test_the_disk_of_a_server_is_read_from_its_own_table(tmp_path: Path) -> None:
    """The one with the smallest share of free space, by ClickHouse itself."""
    running = start(tmp_path / "store")
    found = Disks(
        Settings(
            data_dir=str(tmp_path),
            store=StoreSettings(url=running.url, username="lynceus", password_file=str(running.token_file)),
        )
    )
    with found.watching():
        until(lambda: len(found.use()) == 2)
    use = shutil.disk_usage(tmp_path)
    running.stop()

    assert {d.name: d.size_bytes for d in found.use()} == {"data": use.total, "store": use.total}
