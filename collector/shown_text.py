"""
Text of others that a person will see: without passwords of URLs, and without characters that command a terminal.

The one place that redacts. Passwords are taken out of URLs as soon as these are read (kube/credentials.py); this is for the
texts of libraries and servers, which may quote them.
"""

import re

LONGEST = 64 * 2**10
"""Characters that are searched for secrets; what follows is cut off."""

_WORD = re.compile(r"\S+")
_NAME = "(?:password|passwd|passphrase|pwd|token|secret|signature|credentials?|(?:api|access|private)[_-]?key|key-data)"
"""The end of the name of a secret."""
_SECRET_NAME = re.compile(rf"(?:authorization|{_NAME})s?$", re.IGNORECASE)
_START = r"(?<![\w.-])"
"""Where a name begins. A lookbehind, as \b would let a search begin again after each dash of a long word."""
_CREDENTIAL = re.compile(r"\b((?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
_HEADER = re.compile(
    r"""(\b(?:proxy-)?authorization(?:\\{0,8}["'])?\s*[:=]\s*)(?:\\{0,8}"[^"\n]*|\\{0,8}'[^'\n]*|(?!\s*…)[^\n]+)""",
    re.IGNORECASE,
)
_QUOTED = r""""(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?"""
_PARAMETER = re.compile(
    rf"((?:{_START}[\w.-]*{_NAME}|(?<=[?&;])(?:sig|pass))\s?=\s?)(?:{_QUOTED}|[^\s&;'\"]+)",
    re.IGNORECASE | re.DOTALL,
)
_MEMBER = re.compile(
    rf"""({_START}[\w.-]*{_NAME}\\{{0,8}}["']\s*:\s*)"""
    rf"""(?:{_QUOTED}|\\{{1,8}}["'](?:(?!\\{{1,8}}["']).)*|[^\s,"'}}\]\\]+)""",
    re.IGNORECASE | re.DOTALL,
)
_LINE = re.compile(
    rf"((?:^|[{{,])[ \t]*(?:-[ \t]+)?[\w.-]*{_NAME}:[ \t]+|{_START}[\w.-]*(?:password|passwd|passphrase):[ \t]+)"
    r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,}"']+)(?=[ \t]*(?:[,}"']|$))""",
    re.IGNORECASE | re.MULTILINE,
)
"""A member of YAML: one word, or one quoted text, to the end of its line. `token: is missing` is a sentence and stays."""
_INNER = re.compile(
    rf"({_START}[\w.-]*{_NAME}:[ \t]+)(?=[^\s\d]{{0,64}}\d)[\w.~+=-][\w.~+/=-]{{7,}}(?=[ \t]*(?:[,}}\"']|$))",
    re.IGNORECASE | re.MULTILINE,
)
"""The same within a sentence, where a word with a digit ends it; `invalid token: unexpected` stays."""
_TOKEN = re.compile(
    r"(?<![\w-])(?:eyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?|(?:k8s-aws-v1\.|ya29\.|sha256~|lyn_)[\w.~-]{8,})"
)
"""What says by its form that it is a token: JWT, those of EKS, Google and OpenShift, and our own."""
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_PEM_DATA = re.compile(r"LS0tLS1CRUdJTi[\w+/=]+")
"""The same in base64, as kubeconfigs have it."""
_USER = re.compile(
    r"(?<![\w/@.:+-])[\w.+-]+:(?:[^\s:@/]{1,256}@(?!sha\d+:)(?=[\w\[])|[^\s@]{1,256}@(?=(?:tcp|unix)\())"
)
"""user:password@host of a DSN without a scheme; not the digest of an image."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Escapes and other commands of terminals, changes of the writing direction, and what cannot be printed; not \\n and \\t."""


def redact(text: str) -> str:
    """
    The text without user names and passwords in URLs and DSNs, values of secret names, HTTP credentials, tokens and keys.

    Takes time in proportion to the text, whatever it holds.
    """
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    if "://" in text:
        text = _WORD.sub(_without_user, text)
    for pattern in (_CREDENTIAL, _HEADER, _PARAMETER, _MEMBER, _LINE, _INNER):
        text = pattern.sub(r"\1…", text)
    for pattern in (_PEM, _PEM_DATA, _TOKEN):
        text = pattern.sub("…", text)
    return _USER.sub("…@", text) if "@" in text else text


def is_secret_name(name: str) -> bool:
    """Whether a key names a secret, whatever its value looks like."""
    return _SECRET_NAME.search(name) is not None


def _without_user(word: re.Match[str]) -> str:
    """
    A word without what is between the scheme and its last @.

    A password may itself hold an @, a quote or a slash.
    """
    scheme, mark, rest = word[0].partition("://")
    _, at, host = rest.rpartition("@")
    return f"{scheme}{mark}…@{host}" if at else word[0]


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
