"""What a collector writes is its user's alone, whatever stood there before."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from collector.settings.derived import make_data_dir
from collector.settings.model import ClusterSettings, Settings, SettingsError
from collector.store.spool.spool import open_spool
from tests.running import a_service, running


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _modes(folder: Path) -> Iterator[tuple[Path, int]]:
    """The mode of the folder and of all in it. The engine removes files of its own meanwhile."""
    for place in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):
            yield place, place.lstat().st_mode


@pytest.mark.usefixtures("open_umask")
async def test_all_that_a_collector_writes_is_private(tmp_path: Path) -> None:
    """In a directory that others could enter, with files that they could read."""
    kubeconfig = tmp_path / "kube.yaml"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n", encoding="utf-8")
    data = tmp_path / "data"
    (data / "store").mkdir(parents=True, mode=0o755)
    open_spool(data / "spool.sqlite", 1 << 30, 0).close()
    for place in (data, data / "spool.sqlite"):
        place.chmod(0o755)
    async with running(a_service(tmp_path, ClusterSettings(name="absent", kubeconfig=str(kubeconfig)))) as collector:
        await collector.until("SELECT count() >= 0 FROM claim")
        modes = dict(_modes(data))

    readable = [str(place) for place, mode in modes.items() if stat.S_IMODE(mode) & 0o077 and not stat.S_ISLNK(mode)]
    assert {place.name for place in modes} >= {
        "spool.sqlite",
        "spool.sqlite-wal",
        "store",
        "store.lock",
        "writer.socket",
    }
    assert readable == []


def test_a_directory_of_ours_is_taken_from_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With one line in the log, once."""
    tmp_path.chmod(0o755)
    (tmp_path / "store.run").mkdir()
    for _ in range(2):
        make_data_dir(Settings(data_dir=str(tmp_path)))

    assert [record.message for record in caplog.records] == ["data_dir was open to other users, its mode is 0700 now"]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.mark.usefixtures("open_umask")
def test_a_shared_directory_is_refused(tmp_path: Path) -> None:
    """It is not taken from those who use it: the error names what is in it, and the mode stays."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "letters.txt").write_text("x", encoding="ascii")

    with pytest.raises(SettingsError, match=r"data_dir: other users may enter .*letters\.txt; choose a directory"):
        make_data_dir(Settings(data_dir=str(shared)))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_volume_of_somebody_else_is_accepted(tmp_path: Path) -> None:
    """A pod's volume belongs to root and is open to the pod's group; its mode cannot be changed from within."""
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o2775)
    os.chown(volume, 10470, 10470)

    assert make_data_dir(Settings(data_dir=str(volume))) == volume
    assert stat.S_IMODE(volume.stat().st_mode) == 0o2775
