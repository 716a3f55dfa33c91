"""
What stands on a page of bills: its links, tables, key figures and texts, read from its HTML.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

EMPTY = {"meta", "link", "img", "input", "br", "hr"}
NUMBER = re.compile(r"[+−-]?[\d,]+(?:\.\d+)?")


@dataclass(slots=True)
class ReadTable:
    """A table, below the id of its section."""

    section: str
    rows: list[list[str]] = field(default_factory=list)
    foot: list[list[str]] = field(default_factory=list)


@dataclass(slots=True)
class ReadPage:
    """A page."""

    language: str = ""
    links: list[str] = field(default_factory=list)
    tables: list[ReadTable] = field(default_factory=list)
    listed: dict[str, list[str]] = field(default_factory=dict)
    """The items of lists by the id of their section, without the texts of their links."""
    figures: dict[str, str] = field(default_factory=dict)
    """The text of each key figure, by the target of its link, or `first`, or the begin of its id or class."""
    texts: list[str] = field(default_factory=list)
    """Texts in the language of the page; names and what is marked as English are not among them."""

    def table(self, section: str) -> ReadTable | None:
        """The table of a section."""
        return next((table for table in self.tables if table.section.startswith(section)), None)

    def items(self, section: str) -> list[str]:
        """The items of the lists in a section."""
        return self.listed.get(section, [])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = ReadPage()
        self.open: list[tuple[str, dict[str, str]]] = []
        self.cell: list[str] = []
        self.figure: list[str] = []
        self.figure_keys: list[str] = []

    def _within(self, *tags: str) -> bool:
        return any(tag in tags for tag, _ in self.open)

    def _section(self) -> str:
        found = [of.get("aria-labelledby", "") for tag, of in self.open if tag == "section"]
        return found[-1] if found else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.page.language = of["lang"]
        if tag == "a" and of.get("href"):
            self.page.links.append(of["href"])
            if self._within("dl"):
                self.figure_keys.append(of["href"])
        if tag == "table":
            self.page.tables.append(ReadTable(self._section()))
        if tag == "tr" and self._within("tbody", "tfoot"):
            table = self.page.tables[-1]
            (table.foot if self._within("tfoot") else table.rows).append([])
        if tag in ("td", "th"):
            self.cell = []
        if tag == "li":
            self.page.listed.setdefault(self._section(), []).append("")
        if tag == "div" and self._within("dl"):
            self.figure, self.figure_keys = [], [of.get("class", "") or of.get("id", "")]
        if tag not in EMPTY:
            self.open.append((tag, of))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._within("tbody", "tfoot"):
            table = self.page.tables[-1]
            (table.foot if self._within("tfoot") else table.rows)[-1].append(" ".join(self.cell))
        if tag == "div" and self._within("dl"):
            self.page.figures |= dict.fromkeys(self.figure_keys, " ".join(self.figure))
        while self.open and self.open.pop()[0] != tag:
            continue

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not text or self._within("script", "style", "title"):
            return
        # What is small beside the text of a cell is a note about it.
        if not self._within("small", "svg"):
            self.cell.append(text)
        if self._within("b"):
            self.figure.append(text)
        if self._within("li") and not self._within("a"):
            items = self.page.listed[self._section()]
            items[-1] = f"{items[-1]} {text}".strip()
        if not self._within("code", "svg") and not any("lang" in of for tag, of in self.open if tag != "html"):
            self.page.texts.append(text)


def read_page(html: str) -> ReadPage:
    """Reads a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.page


def amount_of(text: str) -> Decimal:
    """The number in a text: 3,715.15 USD, US$3,715.15, +12.30, −3.00."""
    found = NUMBER.search(text)
    assert found, text
    return Decimal(found[0].replace(",", "").replace("−", "-").replace("+", ""))
