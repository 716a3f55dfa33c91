"""
What people read, in English or Chinese: sentences from catalogues, and numbers, money and dates as a language writes them.

The message in the code is the English one. Each catalogue is a folder of PO files (catalogs/), written by
`python -m generate`: it adds what the code says and keeps the translations. The command line, logs and metrics are English.
"""

from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import NullTranslations, Translations

CATALOGS = Path(__file__).parent / "catalogs"


def in_catalog(text: str) -> str:
    """Marks a message that is translated elsewhere, such as an entry of a table: `language.text(variable)`."""
    return text


class Language:
    """One language of those that people may choose."""

    def __init__(self, tag: str, name: str) -> None:
        self.tag = tag
        """As HTML and HTTP name it, like zh-CN."""
        self.name = name
        """In the language itself."""
        self.locale = Locale.parse(tag, sep="-")
        self.translations: NullTranslations = Translations(BytesIO(_compiled(tag)))

    def text(self, message: str, **values: Any) -> str:
        """A message in this language, with values in the place of {names}; a message without values is as it is."""
        found = self.translations.gettext(message)
        return found.format_map(values) if values else found

    def plural(self, one: str, many: str, number: int, **values: Any) -> str:
        """The form of a message for a number, which is {number} in it, written as the language writes numbers."""
        found = self.translations.ngettext(one, many, number)
        return found.format_map({"number": self.number(number), **values})

    def number(self, value: Decimal | float) -> str:
        """A number with its own decimals: 12,345.6."""
        return format_decimal(value, locale=self.locale, decimal_quantization=False)

    def percent(self, share: float | Decimal, places: int = 0) -> str:
        """A part of 1, as percent: 11 %."""
        pattern = f"#,##0{'.' + '0' * places if places else ''}{self._percent}"
        return format_percent(share, pattern, locale=self.locale)

    @property
    def _percent(self) -> str:
        return "%" if self.locale.language == "zh" else " %"

    def money(self, amount: Decimal, currency: str) -> str:
        """
        An amount with its own decimals: 12,345.67 CNY, or ¥12,345.67 in Chinese.

        Nothing is rounded here: amounts that are shown together are rounded together (core/cost/minor_units.py).
        """
        number = "#,##0" + ("." + "0" * places if (places := decimals(amount)) else "")
        pattern = f"¤{number}" if self.locale.language == "zh" else f"{number}\xa0¤¤"
        return format_currency(amount, currency, pattern, self.locale, currency_digits=False)

    def amount(self, amount: Decimal) -> str:
        """An amount whose currency stands elsewhere: 12,345.67."""
        number = "#,##0" + ("." + "0" * places if (places := decimals(amount)) else "")
        return format_decimal(amount, number, self.locale, decimal_quantization=False)

    def day(self, day: date) -> str:
        """A day: 3 Nov 2026, 2026年11月3日."""
        pattern = "y年M月d日" if self.locale.language == "zh" else "d MMM y"
        return format_date(day, pattern, self.locale)

    def month(self, month: date) -> str:
        """A month: November 2026, 2026年11月."""
        return format_skeleton("yMMMM", datetime(month.year, month.month, 1), locale=self.locale)  # noqa: DTZ001

    def instant(self, at: datetime, zone: tzinfo | None = None) -> str:
        """A time of day on a day, exact to the minute, in a zone: 3 Nov 2026, 02:59."""
        pattern = "y年M月d日 HH:mm" if self.locale.language == "zh" else "d MMM y, HH:mm"
        return format_datetime(at, pattern, tzinfo=zone, locale=self.locale)


def decimals(amount: Decimal) -> int:
    """The decimal places that an amount is written with."""
    exponent = amount.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _compiled(tag: str) -> bytes:
    """The catalogue of a language in the form that gettext reads."""
    whole = Catalog(tag.replace("-", "_"))
    for part in catalogs(tag):
        for message in part:
            if message.id:
                whole[message.id] = message
    out = BytesIO()
    write_mo(out, whole)
    return out.getvalue()


def catalogs(tag: str) -> Iterator[Catalog]:
    """The files of a language's catalogue."""
    locale = tag.replace("-", "_")
    for file in sorted((CATALOGS / locale).glob("*.po")):
        with file.open("rb") as opened:
            yield read_po(opened, locale)


TAGS = {"en": "English", "zh-CN": "中文"}
"""The languages that people may choose: tag, and the name in the language itself."""


@cache
def language(tag: str) -> Language:
    """The language of a tag; its catalogue is read once."""
    return Language(tag, TAGS[tag])


def preferred(accepted: str) -> str:
    """The tag of the language that a browser's `Accept-Language` likes best; English if it likes none of ours."""
    ranked = sorted(_ranked(accepted), key=lambda one: -one[1])
    for name, _ in ranked:
        for tag in TAGS:
            if name.split("-")[0] == tag.split("-")[0]:
                return tag
    return "en"


def _ranked(accepted: str) -> Iterator[tuple[str, float]]:
    """Languages and how much they are liked; what is not in the header's form is skipped."""
    for part in accepted.split(","):
        name, _, quality = part.strip().partition(";")
        try:
            liked = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if name and liked > 0:
            yield name.strip().lower(), liked
