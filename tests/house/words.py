"""
Words that a reader must translate, and where they stand: `python -m tests.house.words [PATH ...]` lists them.

The plain word is beside each. Names are searched in Python's own tokens, prose in everything that a person reads.
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
    r"of which": "a sentence of its own",
    r"nobody|no one": "missed, unobserved, not seen",
    r"mend|mends|mended|mending": "fix, repair",
    r"strange|strangely": "unreadable, unknown",
    r"bearer|bearers": "payer",
    r"happening|happenings": "effect",
    r"left out": "default",
    r"lets go|let go|lets go of": "release, expire",
    r"stands still|stand still": "is not moving",
    r"is no (?!longer|more)\w+": "is not a …",
    r"are no (?!longer|more)\w+": "are not …",
    r"goes by": "uses, depends on",
    r"came|comes of|came of": "arrived, results from",
    r"lives": "states",
    r"forestalls?|hitherto|naught|henceforth|thereof|whereof": "a current word",
}
"""Pattern of a retired word, and what to write for it."""

NAMES = {
    *("told", "untold", "tell", "tells", "telling", "said", "says", "saying", "whoever", "whose", "came", "strange"),
    *(
        "mend",
        "mended",
        "mending",
        "happen",
        "happened",
        "happening",
        "bearer",
        "bearers",
        "parting",
        "doing",
        "hinted",
    ),
    *("witnessed", "lasting", "spliced", "mine", "lose", "asked", "born", "turn"),
}
"""Retired parts of names, wherever an identifier has one between its underscores."""

BARE = {"held", "kept", "known", "seen", "found", "made", "given", "taken", "gone", "passed", "reached"}
"""Participles that name no function or class by themselves."""

READ = {".py", ".md", ".yaml", ".yml", ".sql", ".toml", ".js", ".html", ".css", ".json", ""}
LEFT = ("tests/recorded/", "collector/migrations/", "tests/house/words.py", "LICENSE", "requirements", "CHANGELOG.md")
"""What is not ours to word, is never changed once applied, or is a record of the past."""

_PROSE = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in PROSE), re.IGNORECASE)
_DEFINES = re.compile(r"\b(?:def|class) (\w+)")


def files(places: list[str]) -> Iterator[Path]:
    """Every file under git, at some places, that a person reads."""
    listed = subprocess.run(["git", "ls-files", *places], capture_output=True, text=True, cwd=ROOT, check=True)
    for name in listed.stdout.splitlines():
        if Path(name).suffix in READ and not name.startswith(LEFT):
            yield ROOT / name


def names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each identifier that holds a retired word."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and NAMES.intersection(token.string.casefold().split("_")):
            yield token.start[0], token.string
    for number, line in enumerate(source.splitlines(), 1):
        for match in _DEFINES.finditer(line):
            if match[1].strip("_") in BARE:
                yield number, match[0]


def prose(text: str, python: bool) -> Iterator[tuple[int, str]]:
    """Line and word of each retired word in what people read: of Python its strings and comments, else all."""
    if not python:
        for number, line in enumerate(text.splitlines(), 1):
            yield from ((number, match[0]) for match in _PROSE.finditer(line))
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in {tokenize.STRING, tokenize.COMMENT}:
            for match in _PROSE.finditer(token.string):
                yield token.start[0] + token.string.count("\n", 0, match.start()), match[0]


def hits(path: Path) -> Iterator[tuple[int, str]]:
    """Where a file holds retired words or names."""
    text = path.read_text(encoding="utf-8")
    python = path.suffix == ".py"
    if python:
        yield from names(text)
    yield from prose(text, python)


def main(places: list[str]) -> None:
    """Print each place, and how many there are."""
    shown = [f"{path.relative_to(ROOT)}:{line} {word}" for path in files(places) for line, word in sorted(hits(path))]
    sys.stdout.write("\n".join([*shown, f"{len(shown)} retired words", ""]))


if __name__ == "__main__":
    main(sys.argv[1:])
