"""What `lynceus check` says of an argo-server's archive."""

from pathlib import Path

from collector.cli.check import run_checks
from collector.settings.model import ArchiveSettings, ClusterSettings, Settings
from collector.watch.preflight import Check
from tests.backfill.argo import Archive


async def told(folder: Path, archive: ArchiveSettings) -> Check:
    """The archive's row; the cluster itself cannot be had, which is another one."""
    cluster = ClusterSettings(name="c1", kubeconfig=str(folder / "none"), archive=archive)
    rows = await run_checks(Settings(clusters=(cluster,), data_dir=str(folder / "data")), folder)
    (row,) = [row for row in rows if row.subject == "cluster c1: archive"]
    return row


async def test_an_archive_that_lists_is_well(tmp_path: Path) -> None:
    """How much it shows tells whether it is the right one."""
    async with Archive({}).serving() as archive:
        row = await told(tmp_path, archive.settings())

    what = "shows 0 workflows that started and finished within the last hour"
    assert row == Check(True, "cluster c1: archive", f"{archive.url}/api/v1/archived-workflows {what}")


async def test_an_archive_that_does_not_is_told_with_its_remedy(tmp_path: Path) -> None:
    """It is needed only after a gap: then is too late to find out."""
    async with Archive({}, token="right").serving() as archive:
        row = await told(tmp_path, archive.settings())

    assert (row.ok, row.needed) == (False, True)
    assert row.detail.endswith("does not accept our token (401); renew what archive.token_file holds")
