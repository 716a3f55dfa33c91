"""
What people read, in English or Chinese: sentences from catalogues, and numbers, money and dates as a language writes them.

The message in the code is the English one. Each catalogue is a folder of PO files (catalogs/), written by
`python -m generate`: it adds what the code says and keeps the translations. The command line, logs and metrics are English.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol
from babel.support import NullTranslations, Translations

from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS

NOT_KNOWN = "–"
SECOND_MS = 1000
CENT = Decimal("0.01")
LEAST_SHOWN = Decimal("0.000001")

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

    @cached_property
    def translations(self) -> NullTranslations:
        """Its catalogue, read when the first message is asked for."""
        return Translations(BytesIO(_compiled(self.tag)))

    def text(self, message: str, **values: Any) -> str:
        """A message in this language, with values in the place of {names}; a message without values is as it is."""
        # A catalogue has its own header under the empty message.
        found = self.translations.gettext(message) if message else ""
        return found.format_map(values) if values else found

    def plural(self, one: str, many: str, number: int, **values: Any) -> str:
        """The form of a message for a number, which is {number} in it, written as the language writes numbers."""
        found = self.translations.ngettext(one, many, number)
        return found.format_map({"number": self.number(number), **values})

    def number(self, value: Decimal | float) -> str:
        """A number with its own decimals: 12,345.6."""
        return format_decimal(value, locale=self.locale, decimal_quantization=False)

    def count(self, number: int | None) -> str:
        """A whole number; None is not known."""
        return NOT_KNOWN if number is None else self.number(number)

    def age(self, ms: int | None) -> str:
        """A span of time in its two largest units: 3 h 20 m, 3 小时 20 分."""
        if ms is None:
            return NOT_KNOWN
        if ms < SECOND_MS:
            return self.text("< 1 s") if ms > 0 else self.text("{seconds} s", seconds=0)
        if ms < MINUTE_MS:
            return self.text("{seconds} s", seconds=ms // SECOND_MS)
        if ms < HOUR_MS:
            minutes, rest = ms // MINUTE_MS, _two_digits(ms % MINUTE_MS // SECOND_MS)
            return self.text("{minutes} m {seconds} s", minutes=minutes, seconds=rest)
        if ms < DAY_MS:
            hours, rest = ms // HOUR_MS, _two_digits(ms % HOUR_MS // MINUTE_MS)
            return self.text("{hours} h {minutes} m", hours=hours, minutes=rest)
        days, rest = ms // DAY_MS, _two_digits(ms % DAY_MS // HOUR_MS)
        return self.text("{days} d {hours} h", days=days, hours=rest)

    def span(self, ms: int | None) -> str:
        """The same, exact to a tenth of a second below ten: for steps that take less than a second."""
        if ms is None or not 0 < ms < 10 * SECOND_MS:
            return self.age(ms)
        seconds = format(ms / SECOND_MS, ".1f")
        return self.text("{seconds} s", seconds=seconds) if ms >= 50 else self.text("< 0.1 s")

    def share(self, part: float | None) -> str:
        """A part of 1 in whole percent; what is there is not 0."""
        if part is None:
            return NOT_KNOWN
        return self.text("< 1 %") if 0 < part < 0.01 else self.text("{percent} %", percent=round(part * 100))

    def cut_share(self, part: float | None) -> str:
        """The same, with 100 % only for all of it."""
        cut = part is not None and 0.995 <= part < 1
        return self.text("{percent} %", percent="99.9") if cut else self.share(part)

    def cost(self, amount: Decimal | str | None, currency: str = "") -> str:
        """An amount with two decimals, and below a cent with two digits that count; None is not 0."""
        if amount is None:
            return self.text("no price known")
        sign, shown = rounded_cost(Decimal(amount))
        if not currency or self.locale.language != "zh":
            return f"{sign}{shown} {currency}".rstrip()
        return f"{sign}{get_currency_symbol(currency, self.locale)}{shown}"

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

    def signed(self, amount: Decimal) -> str:
        """A difference whose currency stands elsewhere: +12,345.67 or −12,345.67."""
        sign = "+" if amount > 0 else "−" if amount < 0 else ""
        return f"{sign}{self.amount(abs(amount))}"

    def day(self, day: date) -> str:
        """A day: 3 Nov 2026, 2026年11月3日."""
        pattern = "y年M月d日" if self.locale.language == "zh" else "d MMM y"
        return format_date(day, pattern, self.locale)

    def day_of_year(self, day: date) -> str:
        """A day of a year that stands elsewhere: 3 Nov, 11月3日."""
        return format_date(day, "M月d日" if self.locale.language == "zh" else "d MMM", self.locale)

    def month(self, month: date) -> str:
        """A month: November 2026, 2026年11月."""
        return format_skeleton("yMMMM", datetime(month.year, month.month, 1), locale=self.locale)  # noqa: DTZ001

    def month_name(self, month: date) -> str:
        """A month whose year is clear: November, 11月."""
        return format_date(month, "M月" if self.locale.language == "zh" else "LLLL", self.locale)

    def time(self, at: datetime) -> str:
        """A time of a day that is clear: 02:59."""
        return f"{at:%H:%M}"

    def instant(self, at: datetime, zone: tzinfo | None = None) -> str:
        """A time of day on a day, exact to the minute, in a zone: 3 Nov 2026, 02:59."""
        pattern = "y年M月d日 HH:mm" if self.locale.language == "zh" else "d MMM y, HH:mm"
        return format_datetime(at, pattern, tzinfo=zone, locale=self.locale)


def rounded_cost(cost: Decimal) -> tuple[str, str]:
    """The sign of a cost, and its digits as they are shown: nothing that costs is 0."""
    size, minus = abs(cost), "-" if cost < 0 else ""
    if size == 0 or size >= CENT:
        return minus, f"{size.quantize(CENT, ROUND_HALF_EVEN):,}"
    if size < LEAST_SHOWN:
        return (f"> {minus}" if minus else "< "), str(LEAST_SHOWN)
    return minus, f"{size.quantize(Decimal(1).scaleb(size.adjusted() - 1), ROUND_HALF_EVEN):f}"


def _two_digits(number: int) -> str:
    return f"{number:02}"


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
    for file in sorted((CATALOGS / tag.replace("-", "_")).glob("*.po")):
        yield catalog_of(tag, file.stem)


def catalog_of(tag: str, part: str) -> Catalog:
    """One file of a language's catalogue."""
    locale = tag.replace("-", "_")
    with (CATALOGS / locale / f"{part}.po").open("rb") as opened:
        return read_po(opened, locale)


TAGS = {"en": "English", "zh-CN": "中文"}
"""The languages that people may choose: tag, and the name in the language itself."""


ENGLISH = Language("en", TAGS["en"])
"""That of the API, the command line and the code."""


@cache
def language(tag: str) -> Language:
    """The language of a tag; its catalogue is read once."""
    return ENGLISH if tag == ENGLISH.tag else Language(tag, TAGS[tag])


LANGUAGES: Mapping[str, Language] = {tag: language(tag) for tag in TAGS}
"""Those that pages are drawn in."""


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
