"""
Files of a bill: CSV, JSON, JSON lines and Parquet, plain, gzipped or in a ZIP, by their first bytes and never by their name.

Files are streamed. Text is UTF-8 with or without a byte order mark, else GB18030; which of the two is decided on the whole
file, since a table of Chinese names may begin with thousands of lines of ASCII.
"""

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from collector.bills.errors import BillError

Open = Callable[[], AbstractContextManager[IO[bytes]]]
CHUNK = 1 << 20
MOST_DEPTH = 3
"""A ZIP may hold gzipped files; nothing that a provider sends is nested deeper."""
MOST_MEMBERS = 10_000
ENCODINGS = ("utf-8", "gb18030")
UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""What gzip and zipfile raise for damaged, encrypted or unknown content."""


@dataclass(frozen=True, slots=True)
class BillFile:
    """One file after unpacking."""

    name: str
    """For messages: the path, and the member of an archive."""
    open: Open
    encoding: str
    """Empty: Parquet."""


def bill_files(path: Path) -> Iterator[BillFile]:
    """The files at a path; BillError names the one that cannot be read."""
    with readable(str(path)):
        yield from _unpacked(str(path), lambda: path.open("rb"), 0)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turns the errors of damaged files into a BillError that names the file."""
    try:
        yield
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        raise BillError(f"{name}: cannot be read: {reason}; fetch the file again") from None


def _unpacked(name: str, opened: Open, depth: int) -> Iterator[BillFile]:
    with opened() as file:
        magic = file.read(4)
    if depth > MOST_DEPTH:
        raise BillError(f"{name}: is packed more than {MOST_DEPTH} times; unpack it first")
    if magic.startswith(b"\x1f\x8b"):
        yield from _unpacked(name, lambda: _gunzipped(opened), depth + 1)
    elif magic.startswith(b"PK\x03\x04"):
        yield from _members(name, opened, depth)
    elif magic == b"PAR1":
        yield BillFile(name, opened, "")
    else:
        yield BillFile(name, opened, _encoding(name, opened))


@contextmanager
def _gunzipped(opened: Open) -> Iterator[IO[bytes]]:
    with opened() as packed, gzip.open(packed) as file:
        yield cast(IO[bytes], file)


def _members(name: str, opened: Open, depth: int) -> Iterator[BillFile]:
    """The files of a ZIP by name: a long bill is cut into several CSV files in one."""
    with opened() as file, zipfile.ZipFile(file) as archive:
        listed = sorted(info.filename for info in archive.infolist() if not info.is_dir())
        listed = [member for member in listed if not member.startswith("__MACOSX/")]
        if len(listed) > MOST_MEMBERS:
            raise BillError(f"{name}: has more than {MOST_MEMBERS:,} files; unpack it first")
        for member in listed:
            yield from _unpacked(f"{name}/{member}", lambda member=member: archive.open(member), depth + 1)  # type: ignore[misc]


def _encoding(name: str, opened: Open) -> str:
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with opened() as file:
                while chunk := file.read(CHUNK):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise BillError(f"{name}: is neither UTF-8 nor GB18030, nor gzip, ZIP or Parquet; export it as CSV in UTF-8")


def text_of(file: BillFile, opened: IO[bytes]) -> io.TextIOWrapper:
    """The text of a file without its byte order mark."""
    encoding = "utf-8-sig" if file.encoding == "utf-8" else file.encoding
    return io.TextIOWrapper(opened, encoding, newline="")
