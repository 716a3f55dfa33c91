"""
What a backup says of itself: whose it is, of which schema, what its tables hold, and what each of its files hashes to.

It is written last, so that a folder without one is no backup. Nothing here asks a store.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from collector.store.schema.migrate import Migration

NAME = "manifest.json"
PRODUCT = "lynceus"
FORMAT = 1


class BackupError(Exception):
    """The backup or its place cannot be used; the text names it, the reason and the remedy."""


class Content(msgspec.Struct, frozen=True):
    """What a table holds, whatever the order and the parts its rows lie in."""

    rows: int
    hash: int
    """Sum of the hashes of the rows, modulo 2^64."""


class Applied(msgspec.Struct, frozen=True):
    """A migration that the store had."""

    number: int
    name: str
    checksum: str


class Manifest(msgspec.Struct, frozen=True):
    """A whole backup."""

    product: str
    format: int
    lynceus: str
    """The version that made it."""
    taken_at: str
    """When it began, UTC: what was acknowledged before is in it."""
    migrations: list[Applied]
    tables: dict[str, Content]
    files: dict[str, str]
    """SHA-256 by path below the backup's folder."""


class _Head(msgspec.Struct):
    """What every format will keep, so that a later one can be told from something else."""

    product: str = ""
    format: int = 0
    lynceus: str = "?"


def read(folder: Path) -> Manifest:
    """The manifest of a backup; BackupError where it is none of ours."""
    file = folder / NAME
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BackupError(
            f"{file}: {error.strerror}; a folder without it is no backup, or one that was not finished"
        ) from None
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.product != PRODUCT:
            raise BackupError(f"{file}: is of product {head.product!r}, not a backup of Lynceus")
        if head.format > FORMAT:
            raise BackupError(f"{file}: made by a newer Lynceus ({head.lynceus}); restore it with that version")
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{file}: is damaged: {error}; take another backup") from None


def write(folder: Path, manifest: Manifest) -> None:
    """Put the manifest into the folder, durably."""
    with (folder / NAME).open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        file.flush()
        os.fsync(file.fileno())


def refuse_newer(folder: Path, manifest: Manifest, known: list[Migration]) -> None:
    """Raise for a schema this program does not know, or knows otherwise."""
    ours = {migration.number: migration.checksum for migration in known}
    strange = [applied.name for applied in manifest.migrations if ours.get(applied.number) != applied.checksum]
    if strange:
        raise BackupError(
            f"{folder}: its schema is newer than this program's, or another ({', '.join(strange)}); "
            f"it was made by Lynceus {manifest.lynceus}: restore it with that version or a later one"
        )


def refuse_damaged(folder: Path, manifest: Manifest) -> None:
    """Raise when a file is missing, was changed, or was added."""
    found = hashes(folder)
    for name in sorted(found.keys() | manifest.files.keys()):
        if found.get(name) != manifest.files.get(name):
            wrong = "missing" if name not in found else "changed" if name in manifest.files else "not its own"
            raise BackupError(f"{folder / name}: {wrong}; the backup is damaged, use another one")


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but the manifest; each is brought to disk on the way."""
    return {name: _hash(folder / name) for name in _files(folder) if name != NAME}


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        return hashlib.file_digest(opened, "sha256").hexdigest()
