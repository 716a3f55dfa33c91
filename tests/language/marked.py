"""
A language that shows what is in no catalogue: each of its messages stands in ⟦brackets⟧, so a bare text on a page is one
that a reader of Chinese would find in English.

A page is drawn with MARKED, by an app (`create_app(languages=IN_MARKS)`) or by its template (`templates_in(MARKED)`); then
`assert bare_texts(html, data) == []`. Names of others are not texts of ours: `data` are the values that the page was made
from, whatever their type, and every text in them may stand bare. Names of ours that a catalogue has may not: an outcome or
a reason is translated.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from html.parser import HTMLParser
from typing import Any

import msgspec
from babel.support import NullTranslations

from collector.language.language import Language
from collector.web.names import NAMES

PROPER_NAMES = ("Lynceus", "Argo", "API", "JSON", "CSV", "KiB", "MiB", "GiB", "B", "CNY", "USD")
"""The same in every language."""
ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "data-label", "value")
SILENT = ("script", "style")
BLOCKS = ("p", "li", "td", "th", "h1", "h2", "h3", "dt", "dd", "div")
OURS = frozenset(NAMES)
_LETTERS = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+)*")


class Marks(NullTranslations):
    """A catalogue that has every message, in brackets."""

    def gettext(self, message: str) -> str:
        """The message."""
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Its form in English."""
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"

    # Jinja asks for these names first, which Babel has too.
    ugettext, ungettext = gettext, ngettext


class Marked(Language):
    """English in brackets."""

    def __init__(self) -> None:
        super().__init__("en", "English")
        self.translations = Marks()

    def day(self, day: date) -> str:
        """A day, which has the name of a month."""
        return f"⟦{super().day(day)}⟧"

    def day_of_year(self, day: date) -> str:
        """A day of a year."""
        return f"⟦{super().day_of_year(day)}⟧"

    def month(self, month: date) -> str:
        """A month."""
        return f"⟦{super().month(month)}⟧"

    def instant(self, at: datetime, zone: tzinfo | None = None) -> str:
        """An instant."""
        return f"⟦{super().instant(at, zone)}⟧"


MARKED = Marked()
IN_MARKS: Mapping[str, Language] = {"en": MARKED, "zh-CN": MARKED}


class Texts(HTMLParser):
    """What a person reads of a page, or a screen reader says: its texts in one stream, and those of attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stream: list[str] = []
        self.attributes: list[str] = []
        self._silent = self._other = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects the texts of attributes."""
        given = dict(attrs)
        self._silent += tag in SILENT
        # A link to the same page in another language has that language's own name.
        self._other += tag == "a" and "hreflang" in given
        shown = [given[name] for name in ATTRIBUTES if given.get(name)]
        if tag != "input" or given.get("type") not in ("hidden", "text"):
            self.attributes.extend(text for text in shown if text)
        self.stream.append("\n" if tag in BLOCKS else " ")

    def handle_endtag(self, tag: str) -> None:
        """Leaves a tag without texts."""
        self.stream.append(" ")
        self._silent -= tag in SILENT
        self._other -= tag == "a" and self._other > 0

    def handle_data(self, data: str) -> None:
        """Collects a text."""
        if not self._silent and not self._other:
            self.stream.append(data)


def bare_texts(html: str, *data: Any, alike: Sequence[str] = ()) -> list[str]:
    """
    Texts of a page that are in no catalogue and not in the data.

    `alike` are names of others that are like one of ours, such as a department `platform`.
    """
    found = Texts(html)
    allowed = sorted({*PROPER_NAMES, *alike, *_texts_in(data)}, key=len, reverse=True)
    names = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in allowed))
    return [
        bare[0]
        for text in ("".join(found.stream), *found.attributes)
        for line in _outside(text).splitlines()
        for bare in _LETTERS.finditer(names.sub(" ", line))
    ]


def _outside(text: str) -> str:
    """What stands outside of all brackets; a message may have tags in it, and messages in its places."""
    kept, depth = [], 0
    for character in text:
        depth += character == "⟦"
        if not depth:
            kept.append(character)
        elif character == "⟧":
            depth -= 1
            kept.append(" ")
    return "".join(kept)


def _texts_in(value: Any) -> Iterator[str]:
    """The texts of data, at any depth."""
    if isinstance(value, str):
        # A long text may be cut into lines, and one of ours has to be translated.
        yield from (
            line for line in (value, *value.splitlines()) if line.strip() and line.replace("_", " ") not in OURS
        )
    elif isinstance(value, Mapping):
        yield from (text for pair in value.items() for one in pair for text in _texts_in(one))
    elif isinstance(value, msgspec.Struct):
        yield from _texts_in(msgspec.structs.asdict(value))
    elif dataclasses.is_dataclass(value):
        yield from _texts_in({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    elif isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, bytes):
        yield from (text for one in value for text in _texts_in(one))
