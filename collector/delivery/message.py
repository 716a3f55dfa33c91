"""
A message as people will read it, before a mail or a chat gives it its form.
"""

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple


class KeyFigure(NamedTuple):
    """One of the key figures: a name and a value, as they are read."""

    label: str
    value: str


class Attachment(NamedTuple):
    """A file that goes with a mail."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent."""

    id: str
    """The same for each attempt to send the same message; a receiver may drop what it has already."""
    title: str
    sentence: str
    """What the reader must know, if they read no further."""
    figures: tuple[KeyFigure, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on what is unusual, the most important one first."""
    link: str = ""
    """Address of the page; empty: it is not known."""
    link_text: str = ""
    rows_link: str = ""
    """Address of the rows as a CSV file; empty: the report has no such link."""
    rows_text: str = ""
    html: str = ""
    """The body of a mail; empty: the mail has text alone."""
    attachment: Attachment | None = None
    language: str = "en"
    facts: dict[str, str] = field(default_factory=dict)
    """What a program wants to know: name of the report, department, month and the like."""

    @property
    def key(self) -> str:
        """The id in a form that headers take."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:40]

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """What each link is called, and its address: the page, and the rows."""
        known = ((self.link_text, self.link), (self.rows_text, self.rows_link))
        return tuple(one for one in known if one[1])

    def text(self) -> str:
        """The message as plain text."""
        parts = [self.sentence]
        if self.figures:
            parts.append("\n".join(f"{label}: {value}" for label, value in self.figures))
        if self.notes:
            parts.append("\n".join(f"- {note}" for note in self.notes))
        parts += [f"{text}\n{address}" if text else address for text, address in self.links]
        return "\n\n".join(parts) + "\n"
