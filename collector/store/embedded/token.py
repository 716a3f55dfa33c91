"""
The tokens of the embedded store: a writer, and beyond loopback a reader, must send the secret of a file.
"""

import os
import secrets
import stat
from pathlib import Path


class TokenFileError(Exception):
    """The token file cannot be used; the text names the file and the remedy."""


def read_or_make_token(file: Path) -> str:
    """Reads the token of a file; creates the file with mode 0600 if it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(file)
    with os.fdopen(descriptor, "w", encoding="ascii") as made:
        token = secrets.token_urlsafe(32)
        made.write(token)
    return token


def _read(file: Path) -> str:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise TokenFileError(f"{file}: other users may read it; chmod 600, or delete it: a new one is created")
    token = file.read_text(encoding="ascii").strip()
    if len(token) < 16:
        raise TokenFileError(f"{file}: holds no token of 16 characters or more; delete it: a new one is created")
    return token
