"""
The manifest of a backup: its product, schema, tables' contents, and the hash of each file.

The manifest is written last, so a folder without one is not a complete backup. Nothing here uses a store.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from collector.store.schema.migrate import Migration

FILE_NAME = "manifest.json"
PRODUCT = "lynceus"
FORMAT = 1


class BackupError(Exception):
    """The backup or its folder cannot be used; the text names it, the reason and the remedy."""


class Content(msgspec.Struct, frozen=True):
    """The content of a table, independent of the order of its rows and of their parts."""

    rows: int
    hash: int
    """Sum of the hashes of the rows, modulo 2^64."""


class Applied(msgspec.Struct, frozen=True):
    """A migration that the store had applied."""

    number: int
    name: str
    checksum: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A complete backup."""

    product: str
    format: int
    lynceus: str
    """The version of Lynceus that wrote the backup."""
    taken_at: str
    """When the backup began, UTC: it holds everything that was acknowledged before."""
    migrations: list[Applied]
    tables: dict[str, Content]
    files: dict[str, str]
    """SHA-256 by path below the backup's folder."""


class _Head(msgspec.Struct):
    """Fields that every format keeps, so that a later format can be recognised."""

    product: str = ""
    format: int = 0
    lynceus: str = "?"


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a backup; raises BackupError if it is missing, damaged, or not Lynceus'."""
    file = folder / FILE_NAME
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror}; a folder without it is not a complete backup") from None
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.product != PRODUCT:
            raise BackupError(f"{file}: product {head.product!r}, not a backup of Lynceus")
        if head.format > FORMAT:
            raise BackupError(f"{file}: made by a newer Lynceus ({head.lynceus}); restore it with that version")
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{file}: is damaged: {error}; take another backup") from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest into the folder and syncs it to disk."""
    with (folder / FILE_NAME).open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        file.flush()
        os.fsync(file.fileno())


def refuse_newer(folder: Path, manifest: Manifest, known: list[Migration]) -> None:
    """Raises for a schema that this program does not know, or knows with other content."""
    ours = {migration.number: migration.checksum for migration in known}
    unknown = [applied.name for applied in manifest.migrations if ours.get(applied.number) != applied.checksum]
    if unknown:
        raise BackupError(
            f"{folder}: the schema is newer than this program's, or different ({', '.join(unknown)}); "
            f"the backup was made by Lynceus {manifest.lynceus}: restore it with that version or a later one"
        )


def refuse_damaged(folder: Path, manifest: Manifest) -> None:
    """Raises when a file is missing, was changed, or was added."""
    hashes = hash_files(folder)
    for name in sorted(hashes.keys() | manifest.files.keys()):
        if hashes.get(name) != manifest.files.get(name):
            wrong = "missing" if name not in hashes else "changed" if name in manifest.files else "not its own"
            raise BackupError(f"{folder / name}: {wrong}; the backup is damaged, use another one")


def hash_files(folder: Path) -> dict[str, str]:
    """Returns SHA-256 of every file below a folder except the manifest, and syncs each file to disk."""
    return {name: _hash(folder / name) for name in _files(folder) if name != FILE_NAME}


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        return hashlib.file_digest(opened, "sha256").hexdigest()
