"""
Text of others that a person will see: without passwords of URLs, and without characters that command a terminal.

The one place that redacts. Passwords are taken out of URLs as soon as these are read (kube/credentials.py); this is for the
texts of libraries and servers, which may quote them.
"""

import re

_PASSWORD = re.compile(r"(?<=://)\S*@")
"""From the scheme to the last @ of the same word: a password may itself hold an @, a quote or a slash."""
_SECRET_PARAMETER = re.compile(
    r"(?<=[?&;])((?:[\w-]*(?:password|passwd|pwd|token|secret|signature|credential)|api_?key|sig|pass)=)[^\s&;'\"]+",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Escapes and other commands of terminals, changes of the writing direction, and what cannot be printed; not \\n and \\t."""


def redact(text: str) -> str:
    """The text without user names and passwords in URLs, secret parameters of URLs, and HTTP credentials."""
    if "://" in text or "=" in text:
        text = _SECRET_PARAMETER.sub(r"\1…", _PASSWORD.sub("…@", text))
    return _CREDENTIAL.sub(r"\1 …", text)


def redact_url(url: str) -> str:
    """A URL without user name, password and secret parameters, whatever characters these are made of."""
    scheme, mark, rest = url.partition("://")
    _, at, host = rest.rpartition("@")
    return redact(f"{scheme}{mark}…@{host}" if mark and at else url)


def printable(text: str) -> str:
    """The text with each character that commands a terminal in an escaped form, like \\x1b."""
    return _CONTROL.sub(_escaped, text)


def on_one_line(text: str) -> str:
    """The same for text that must not begin a new line or column."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def in_json(text: str) -> str:
    """JSON that reads as the same values, with such characters as JSON's own escapes."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
