"""The row of `lynceus check` for an argo-server's archive."""

from pathlib import Path

from collector.checked import Check
from collector.cli.check import run_checks
from collector.settings.model import ArchiveSettings, ClusterSettings, Settings
from tests.backfill.argo import Archive


async def archive_check(folder: Path, archive: ArchiveSettings) -> Check:
    """Returns the archive's row; the cluster itself is unreachable, which is another row."""
    cluster = ClusterSettings(name="c1", kubeconfig=str(folder / "none"), archive=archive)
    rows = await run_checks(Settings(clusters=(cluster,), data_dir=str(folder / "data")), folder)
    (row,) = [row for row in rows if row.subject == "cluster c1: archive"]
    return row


async def test_an_archive_that_lists_is_well(tmp_path: Path) -> None:
    """The number of workflows shows whether it is the right archive."""
    async with Archive({}).serving() as archive:
        row = await archive_check(tmp_path, archive.settings())

    what = "shows 0 workflows that started and finished within the last hour"
    assert row == Check(True, "cluster c1: archive", f"{archive.url}/api/v1/archived-workflows {what}")


async def test_an_archive_that_refuses_is_reported_with_its_remedy(tmp_path: Path) -> None:
    """An archive is needed only after a gap, which is too late to find out."""
    async with Archive({}, token="right").serving() as archive:
        row = await archive_check(tmp_path, archive.settings())

    assert (row.ok, row.needed) == (False, True)
    assert row.detail.endswith("does not accept our token (401); renew what archive.token_file holds")
