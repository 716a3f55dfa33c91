"""The settings of scheduled backups."""

import pytest

from collector.settings.backup import BackupSettings, period_s
from collector.settings.load import parse_settings
from collector.settings.model import SettingsError


def test_a_period_is_in_hours_or_days() -> None:
    """As people say it."""
    assert [period_s(BackupSettings(every=text)) for text in ("1h", "12h", "1d", "14d")] == [
        3600,
        43200,
        86400,
        1209600,
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backup: {to: /b, every: daily}", r"backup\.every: invalid time 'daily', expected hours or days"),
        ("backup: {to: /b, every: 0d}", r"backup\.every: invalid time '0d'"),
        ("backup: {every: 12h}", r"backup\.to: is missing; name a folder"),
        ("backup: {to: /b, keep: 0}", r"backup\.keep"),
        ("backup: {to: /b}\nstore: {url: 'http://clickhouse:8123'}", r"backup\.to: is for the embedded store"),
        ("backup: {to: /d/store}\ndata_dir: /d", r"backup\.to: /d/store is inside the store"),
        ("backup: {to: /d/store/b}\ndata_dir: /d", r"backup\.to: /d/store/b is inside the store"),
    ],
)
def test_useless_and_unsafe_backups_are_refused(text: str, words: str) -> None:
    """With the key and the remedy, before anything starts."""
    with pytest.raises(SettingsError, match=words):
        parse_settings(text.encode(), "x.yaml")


def test_a_folder_is_enough() -> None:
    """Each day, a week of them; without a folder nothing is asked for."""
    assert parse_settings(b"backup: {to: /b}", "x.yaml").backup == BackupSettings(to="/b", every="1d", keep=7)
    assert parse_settings(b"", "x.yaml").backup.to == ""
