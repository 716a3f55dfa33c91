"""
What a month's statement states in sentences, in the language of the reader: its notes, and the rules of its shared costs.

The store keeps them in English. A sentence that is not known here, such as one of an older release, stays as it is.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from collector.core.cost.statement_notes import FEE_RULE, MORE_NAMES, NOTES, RULES, find_message
from collector.language.language import Language, in_catalog

PER: Mapping[str, str] = {
    "hour": in_catalog("{amount} {currency} per hour"),
    "month": in_catalog("{amount} {currency} per month"),
}
"""The rule of a fee."""


class ShownNote(NamedTuple):
    """A note of a statement."""

    text: str
    is_english: bool
    """Whether it is in no catalogue."""


def shown_notes(notes: Iterable[str], language: Language) -> list[ShownNote]:
    """The notes of a statement."""
    return [_note(note, language) for note in notes]


def rule_words(rule: str, language: Language) -> str:
    """The rule of a shared cost; several are separated by semicolons."""
    return language.text("; ").join(_rule(one, language) for one in rule.split("; "))


def _note(note: str, language: Language) -> ShownNote:
    found = find_message(note, NOTES)
    if found is None:
        return ShownNote(note, is_english=True)
    values = dict(found.values)
    if more := find_message(values.get("names", ""), [MORE_NAMES]):
        values["names"] = language.text(MORE_NAMES, **more.values)
    return ShownNote(language.text(found.message, **values), is_english=False)


def _rule(rule: str, language: Language) -> str:
    if found := find_message(rule, RULES):
        return language.text(found.message, **found.values)
    fee = find_message(rule, [FEE_RULE])
    if fee and fee.values["per"] in PER:
        return language.text(PER[fee.values["per"]], amount=fee.values["amount"], currency=fee.values["currency"])
    return rule
