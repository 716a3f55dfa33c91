"""
The backups that a collector makes below one folder: their names, which of them are complete, and which have to go.

Only folders with a name of ours and with a manifest of ours are removed: what a person puts there stays.
"""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from collector.core.model import Instant
from collector.store.manifest import FILE_NAME, BackupError, read_manifest

STAMP = "lynceus-%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"lynceus-[0-9]{8}T[0-9]{6}Z")
_PARTIAL = re.compile(_NAME.pattern + r"\.partial-.+")
"""What a backup is written to until it is complete; one that is left was interrupted."""


def name_at(now: Instant) -> str:
    """The name of a backup that begins now."""
    return f"{datetime.fromtimestamp(now / 1000, UTC):{STAMP}}"


def begun_at(backup: Path) -> Instant:
    """When a backup began, by its name."""
    return round(datetime.strptime(f"{backup.name}+0000", f"{STAMP}%z").timestamp() * 1000)


def complete(folder: Path) -> list[Path]:
    """The complete backups below a folder, oldest first. OSError if it cannot be read; a folder that is not there has none."""
    if not folder.exists():
        return []
    ours = (path for path in folder.iterdir() if _NAME.fullmatch(path.name) and not path.is_symlink())
    return sorted(path for path in ours if (path / FILE_NAME).is_file())


def remove_interrupted(folder: Path) -> None:
    """Removes what interrupted backups left below a folder; no backup may be under way there."""
    if folder.exists():
        for path in folder.iterdir():
            if _PARTIAL.fullmatch(path.name) and not path.is_symlink():
                shutil.rmtree(path)


def remove_old(folder: Path, keep: int) -> list[Path]:
    """Removes all but the newest backups; returns what was removed."""
    removed = list[Path]()
    for path in complete(folder)[:-keep]:
        try:
            read_manifest(path)
        except BackupError:
            continue  # perhaps not ours: a person decides
        shutil.rmtree(path)
        removed.append(path)
    return removed
