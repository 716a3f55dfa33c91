"""What `lynceus check` says of the receiver of traces."""

from pathlib import Path

import pytest

from collector.checked import Check
from collector.cli.check import run_checks
from collector.settings.model import Settings, SettingsError
from collector.settings.traces import TraceSettings
from collector.traces import receiver
from tests.ports import free_port
from tests.traces.receiving import receiving


async def checked(folder: Path, endpoint: str) -> list[Check]:
    """The rows about traces."""
    settings = Settings(data_dir=str(folder / "data"), traces=TraceSettings(endpoint=endpoint, timeout_seconds=0.3))
    return [row for row in await run_checks(settings, folder) if row.subject == "traces"]


async def test_a_receiver_is_tried_with_an_empty_request(tmp_path: Path) -> None:
    """Nothing is left behind in it; without an endpoint there is no row."""
    with receiving() as there:
        (row,) = await checked(tmp_path, there.url)
        (wrong,) = await checked(tmp_path, there.url.replace("/v1/traces", "/traces"))

    assert (row.ok, row.detail) == (True, f"{there.url} takes traces")
    assert (wrong.ok, wrong.detail.endswith("answered 404")) == (False, True)
    assert there.spans == []
    assert await checked(tmp_path, "") == []


async def test_a_receiver_that_does_not_answer_is_named_with_a_remedy(tmp_path: Path) -> None:
    """So is a missing library."""
    (row,) = await checked(tmp_path, f"http://127.0.0.1:{free_port()}/v1/traces")

    assert (row.ok, "no answer" in row.detail, "traces.endpoint" in row.remedy) == (False, True, True)


async def test_a_missing_library_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an error that hides the other rows."""

    def missing(_: TraceSettings) -> receiver.TraceReceiver:
        raise SettingsError("traces.endpoint: needs a library")

    monkeypatch.setattr("collector.cli.check.open_receiver", missing)
    (row,) = await checked(tmp_path, "http://127.0.0.1:4318/v1/traces")

    assert (row.ok, row.detail) == (False, "endpoint: needs a library")
