"""
Retired words and names: `python -m tests.house.words [PATH ...]` lists where they are still written.

A retired word is one that a reader must translate first. Names are searched in Python's tokens and in file names, prose
in everything that a person reads: of Python its strings and comments, of other files the whole text.
"""

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROSE = {
    r"told|untold|tell|tells|telling": "reported, emitted, written, shown",
    r"said": "message, reported",
    r"whoever|whosoever": "name the reader",
    r"of which(?! pending)": "a sentence of its own; `of which pending` is a column of a report",
    r"nobody|no one": "missed, unobserved, not seen",
    r"mend|mends|mended|mending": "fix, repair",
    r"strange|strangely": "unreadable, unknown",
    r"(?-i:bearer|bearers)(?! token)": "payer; HTTP's scheme is `Bearer`, or a bearer token",
    r"happening|happenings": "effect",
    r"left out": "default, omitted",
    r"lets go|let go|lets go of": "release, expire",
    r"stands still|stand still": "is not moving",
    r"(?<!there )is no (?!longer|more)\w+": "is not a …",
    r"(?<!there )are no (?!longer|more)\w+": "are not …",
    r"goes by": "uses, depends on",
    r"came|comes of|came of": "arrived, results from",
    r"(?:the|two|pod|workflow|changed) lives": "states",
    r"hears? of|heard of": "is notified of, learns about",
    r"puts? up with": "tolerate",
    r"anew|afresh": "again, from scratch",
    r"forestalls?|hitherto|naught|henceforth|thereof|whereof": "a current word",
}
"""Pattern of a retired word, and what to write instead."""

NAMES = {
    "asked", "bearer", "bearers", "born", "came", "doing", "happen", "happened", "happening", "hinted", "lasting", "lose",
    "mend", "mended", "mending", "mine", "parting", "said", "saying", "says", "spliced", "strange", "tell", "telling",
    "tells", "told", "turn", "untold", "whoever", "whose", "witnessed",
}  # fmt: skip
"""Retired parts of names, wherever an identifier or a file has one between its underscores."""

BARE = {"held", "kept", "seen", "found", "made", "given", "taken", "gone", "passed", "reached"}
"""Participles that name no function or class by themselves."""

READ = {
    ".py",
    ".md",
    ".yaml",
    ".yml",
    ".sql",
    ".toml",
    ".js",
    ".ts",
    ".tsx",
    ".cjs",
    ".html",
    ".css",
    ".json",
    ".sh",
    "",
}
"""Kinds of files that a person reads."""
LEFT = ("tests/recorded/", "collector/migrations/", "tests/house/words.py", "LICENSE", "requirements", "CHANGELOG.md")
"""Texts of others, texts that never change once applied, records of the past, and these lists."""

TEXTS = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
"""Tokens with prose; Python 3.12 and later take an f-string apart."""

_PROSE = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in PROSE), re.IGNORECASE)
_DEFINES = re.compile(r"^\s*(?:async )?(?:def|class) (\w+)")


def files(places: list[str]) -> Iterator[Path]:
    """Every file under git, at some places, that a person reads."""
    listed = subprocess.run(["git", "ls-files", *places], capture_output=True, text=True, cwd=ROOT, check=True)
    for name in listed.stdout.splitlines():
        if Path(name).suffix in READ and not name.startswith(LEFT) and (ROOT / name).is_file():
            yield ROOT / name


def is_retired(name: str) -> bool:
    """Whether a part of a name is a retired one."""
    return not NAMES.isdisjoint(name.casefold().split("_"))


def names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each identifier that has a retired part."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and is_retired(token.string):
            yield token.start[0], token.string
    for number, line in enumerate(source.splitlines(), 1):
        match = _DEFINES.match(line)
        if match and match[1].strip("_") in BARE:
            yield number, match[0].strip()


def prose(text: str, python: bool) -> Iterator[tuple[int, str]]:
    """Line and word of each retired word in what people read."""
    if not python:
        for number, line in enumerate(text.splitlines(), 1):
            yield from ((number, match[0]) for match in _PROSE.finditer(line))
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in TEXTS:
            for match in _PROSE.finditer(token.string):
                yield token.start[0] + token.string.count("\n", 0, match.start()), match[0]


def hits(path: Path) -> Iterator[tuple[int, str]]:
    """Where a file has retired words or names; line 1 for the name of the file itself."""
    text = path.read_text(encoding="utf-8")
    python = path.suffix == ".py"
    if is_retired(path.stem):
        yield 1, path.name
    if python:
        yield from names(text)
    yield from prose(text, python)


def report(places: list[str]) -> list[str]:
    """One line for each retired word or name at some places."""
    return [f"{path.relative_to(ROOT)}:{line} {word}" for path in files(places) for line, word in sorted(hits(path))]


if __name__ == "__main__":
    shown = report(sys.argv[1:])
    sys.stdout.write("\n".join([*shown, f"{len(shown)} retired words", ""]))
