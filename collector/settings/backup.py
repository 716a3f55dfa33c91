"""
The settings of scheduled backups, and what makes them useless or unsafe.
"""

import re
from pathlib import Path
from typing import Annotated

import msgspec

_EVERY = re.compile(r"([1-9][0-9]{0,3})([hd])")
_SECONDS = {"h": 3600, "d": 86_400}


class BackupSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Backups of the embedded store, made by the collector. Without a folder there are none."""

    to: str = ""
    """Folder for the backups, on another disk than `data_dir`. Empty: no backups."""
    every: str = "1d"
    """Time from one backup to the next, in hours or days, like 12h."""
    keep: Annotated[int, msgspec.Meta(ge=1)] = 7
    """Backups that are kept; older ones are removed after a new one is complete."""


def period_s(backup: BackupSettings) -> int:
    """Seconds from one backup to the next; ValueError for an invalid time."""
    found = _EVERY.fullmatch(backup.every)
    if not found:
        raise ValueError(f"every: invalid time {backup.every!r}, expected hours or days, like 12h or 1d")
    return int(found[1]) * _SECONDS[found[2]]


def problem(backup: BackupSettings, data: Path, *, has_server: bool) -> str:
    """The problem with the settings, its key first, or an empty text. `data` is the data directory."""
    try:
        period_s(backup)
    except ValueError as error:
        return str(error)
    if not backup.to:
        return "" if backup == BackupSettings() else "to: is missing; name a folder on another disk than data_dir"
    if has_server:
        return (
            "to: is for the embedded store; a ClickHouse server is backed up by its own statements, which "
            "`lynceus store backup` prints"
        )
    store, folder = (data / "store").absolute(), Path(backup.to).absolute()
    if folder == store or store in folder.parents:
        return f"to: {backup.to} is inside the store; name a folder on another disk"
    return ""
