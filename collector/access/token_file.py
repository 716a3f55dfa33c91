"""
Changes of a file of tokens: one at a time, and a reader finds the old file or the new one, never a part of it.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from msgspec.structs import replace

from collector.access.tokens import (
    MOST_BYTES,
    TokenEntry,
    TokenListError,
    hash_of,
    make_token,
    parse_tokens,
    write_tokens,
)

HEAD = (
    b"# Written by `lynceus token`, which keeps no comments. It holds hashes; the tokens themselves are kept nowhere.\n"
)
USUAL_DAYS = 90
"""A token ends after this time, unless it is made for longer."""
MOST_DAYS = 3650

Entries = tuple[TokenEntry, ...]
Change = Callable[[Entries], Entries]
"""Makes the entries of a file new; TokenListError: it cannot, and the text has the remedy."""


def change_file(file: Path, change: Change) -> Entries:
    """
    Changes a file, which may be missing, and returns its new entries. Blocks while another command changes it.

    TokenListError if the file or the new entries are invalid; OSError if the folder cannot be written.
    """
    target = file.resolve()
    with _alone(target.parent):
        before = target.read_bytes() if target.exists() else b""
        if len(before) > MOST_BYTES:
            raise TokenListError(f"{file}: is longer than {MOST_BYTES} bytes; it does not hold tokens")
        after = change(parse_tokens(before, str(file)))
        text = HEAD + write_tokens(after)
        parse_tokens(text, str(file))
        _put(target, text)
    return after


def new_token(like: TokenEntry) -> tuple[str, TokenEntry]:
    """A new token, and its entry with the name, rights and end of another."""
    token = make_token()
    return token, replace(like, sha256=hash_of(token))


def added(entries: Entries, new: TokenEntry) -> Entries:
    """The entries with a new one, whose name must be free."""
    if any(entry.name == new.name for entry in entries):
        raise TokenListError(
            f"{new.name}: has a token already; replace it with `lynceus token rotate {new.name}`, or choose another name"
        )
    return (*entries, new)


def revoked(entries: Entries, name: str, *, older: bool) -> Entries:
    """The entries without those of a name; `older` keeps its newest, which stands last."""
    of_name = _of_name(entries, name)
    kept = of_name[-1:] if older else ()
    return tuple(entry for entry in entries if entry.name != name or entry in kept)


def rotated(entries: Entries, new: TokenEntry, until: date, today: date) -> Entries:
    """The entries with a new one of a name; the former ones of the name end on a day at the latest."""
    _of_name(entries, new.name)
    former = (_ending(entry, until) if entry.name == new.name else entry for entry in entries)
    return (*(entry for entry in former if entry.name != new.name or not entry.is_over(today)), new)


def newest(entries: Entries, name: str) -> TokenEntry:
    """The last entry of a name."""
    return _of_name(entries, name)[-1]


def parse_end(text: str, today: date, option: str) -> date | None:
    """The first day without the token, of `90d`, a date or `never`; ValueError names the option."""
    if text == "never":
        return None
    try:
        found = re.fullmatch(r"(\d{1,4})d", text)
        end = today + timedelta(days=int(found[1])) if found else date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{option}: invalid time {text!r}, expected days like 90d, a date like 2027-03-01, or never"
        ) from None
    if not today < end <= today + timedelta(days=MOST_DAYS):
        raise ValueError(f"{option}: {text} is {end}; choose a day after today, within ten years, or never")
    return end


def _of_name(entries: Entries, name: str) -> Entries:
    found = tuple(entry for entry in entries if entry.name == name)
    if not found:
        known = ", ".join(dict.fromkeys(entry.name for entry in entries)) or "none"
        raise TokenListError(f"{name}: has no token in this file; there are {known}")
    return found


def _ending(entry: TokenEntry, until: date) -> TokenEntry:
    return replace(entry, expires=min(entry.expires or until, until))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other commands away from the files of a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(file: Path, text: bytes) -> None:
    """
    Puts a file in place, for its owner alone, or for the group that could read it.

    Where root writes, the owner stays who it was; of a new file it is the folder's.
    """
    owner = (file if file.exists() else file.parent).stat()
    mode = 0o600 | (owner.st_mode & 0o040 if file.exists() else 0)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as written:
        try:
            written.write(text)
            written.flush()
            if os.geteuid() == 0:
                os.fchown(written.fileno(), owner.st_uid, owner.st_gid)
            os.fchmod(written.fileno(), mode)
            os.fsync(written.fileno())
            Path(written.name).replace(file)
        except BaseException:
            Path(written.name).unlink()
            raise
