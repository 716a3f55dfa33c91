"""
Tokens of visitors: files that hold a hash of each, what it may read and when it ends.

A token is 256 random bits, so that one round of SHA-256 keeps it secret: that many cannot be tried. The files are read again
when they change, so that a token is made, replaced or withdrawn without a restart.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from collector.access.scope import ALL, METRICS, Visitor, of_departments

PREFIX = "lyn_"
"""How a token begins, so that programs that search for leaked secrets know it."""
MOST_TOKENS = 1000
MOST_BYTES = 1 << 20
"""Of one file."""
LONGEST_TOKEN = 512
"""Characters; a longer text is not a token and is not hashed."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,62}")
_HASH = re.compile(r"[0-9a-f]{64}")


class TokenListError(Exception):
    """A file of tokens that cannot be used; the text names the file, the entry and the remedy."""


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One token, as its file has it."""

    name: str
    """Whose it is. Two entries may have one name while one replaces the other."""
    sha256: str
    scope: str = ""
    """`all` or `metrics`; empty: `departments` says it."""
    departments: tuple[str, ...] = ()
    expires: date | None = None
    """The first day on which the token is refused, in UTC; None: it does not end."""

    @property
    def visitor(self) -> Visitor:
        """Who has this token."""
        scopes = {"all": ALL, "metrics": METRICS}
        return Visitor(self.name, scopes.get(self.scope) or of_departments(self.departments), "token")

    def is_over(self, today: date) -> bool:
        """Whether it has ended."""
        return self.expires is not None and today >= self.expires


class _TokenList(msgspec.Struct, forbid_unknown_fields=True):
    tokens: tuple[TokenEntry, ...] = ()


def make_token() -> str:
    """A new token."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """The hash under which a token is stored. A header may hold any bytes, which arrive as surrogates."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def parse_tokens(text: bytes, place: str) -> tuple[TokenEntry, ...]:
    """Reads the entries of a file."""
    try:
        raw: Any = yaml.safe_load(text) or {}
        entries = msgspec.convert(raw, _TokenList).tokens
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # The error of YAML quotes the text, and somebody may have put a token there instead of its hash.
        what = str(error) if isinstance(error, msgspec.ValidationError) else "not valid YAML"
        raise TokenListError(f"{place}: {what}; see docs/operate/access.md for the form") from None
    if len(entries) > MOST_TOKENS:
        raise TokenListError(
            f"{place}: has {len(entries)} tokens, at most {MOST_TOKENS} are permitted; remove old ones"
        )
    for i, entry in enumerate(entries):
        if problem := entry_problem(entry):
            raise TokenListError(f"{place}: tokens[{i}].{problem}")
    return entries


def entry_problem(entry: TokenEntry) -> str:
    """The problem with an entry, or an empty text."""
    if not _NAME.fullmatch(entry.name):
        return "name: must be letters, digits, `-`, `.`, `_` or `@`, at most 63"
    if not _HASH.fullmatch(entry.sha256):
        return "sha256: must be the 64 hexadecimal digits that `lynceus token create` writes; the token itself is kept nowhere"
    if entry.scope not in ("", "all", "metrics"):
        return f"scope: {entry.scope!r} is unknown; give all or metrics, or name departments"
    if bool(entry.scope) == bool(entry.departments):
        return "scope: give either scope or departments"
    if "" in entry.departments:
        return "departments: one has no name; what has no department is for the scope all"
    return ""


def write_tokens(entries: Iterable[TokenEntry]) -> bytes:
    """The text of a file with these entries."""
    rows = [{name: value for name, value in msgspec.to_builtins(entry).items() if value} for entry in entries]
    return yaml.safe_dump({"tokens": rows}, sort_keys=False, allow_unicode=True).encode()


class TokenFiles:
    """The tokens of some files, as the files are now. A file that becomes invalid keeps the tokens that it had."""

    def __init__(self, files: Sequence[Path]) -> None:
        """A missing file has no token: it may come later."""
        self._files = tuple(files)
        self._read: dict[Path, bytes] = {}
        self._entries: dict[Path, tuple[TokenEntry, ...]] = {}
        self._problems: dict[Path, str] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """The files that cannot be used, a sentence each."""
        return tuple(self._problems.values())

    @property
    def entries(self) -> tuple[TokenEntry, ...]:
        """All entries, those that have ended included."""
        return tuple(entry for file in self._files for entry in self._entries.get(file, ()))

    def look(self) -> None:
        """Reads the files again. Blocks for as long as reading small files does."""
        for file in self._files:
            try:
                self._take(file, _bytes_of(file))
            except FileNotFoundError:
                self._forget(file)
            except OSError as error:
                self._problems[file] = f"{file}: cannot be read: {error.strerror}; its last tokens stay in force"
            except TokenListError as error:
                self._problems[file] = f"{error}; its last tokens stay in force"

    def _take(self, file: Path, text: bytes) -> None:
        if text != self._read.get(file):
            self._entries[file] = parse_tokens(text, str(file))
            self._read[file] = text
        self._problems.pop(file, None)

    def _forget(self, file: Path) -> None:
        for known in (self._read, self._entries, self._problems):
            known.pop(file, None)

    def visitor(self, token: str, today: date | None = None) -> Visitor | None:
        """Who has a token; None: it is unknown, or has ended. Takes the same time whichever entry it is."""
        found = self.entry(token, today)
        return found.visitor if found else None

    def entry(self, token: str, today: date | None = None) -> TokenEntry | None:
        """The same, with the end of the token."""
        if not token or len(token) > LONGEST_TOKEN:
            return None
        digest, day = hash_of(token), today or datetime.now(UTC).date()
        found = [entry for entry in self.entries if hmac.compare_digest(entry.sha256, digest)]
        return next((entry for entry in found if not entry.is_over(day)), None)


def _bytes_of(file: Path) -> bytes:
    with file.open("rb") as opened:
        text = opened.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise TokenListError(f"{file}: is longer than {MOST_BYTES} bytes; it does not hold tokens")
    return text
