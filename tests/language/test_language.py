"""Languages: every message is translated, and money, numbers and dates are written as the language writes them."""

import re
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from collector.language.language import CATALOGS, TAGS, catalogs, language, preferred
from collector.web.pages import HERE
from generate.catalogs import chinese_files, english_files

STATIC = HERE / "static"


def entries(tag: str) -> list[tuple[object, object]]:
    """Each message and its translation."""
    return [(message.id, message.string) for part in catalogs(tag) for message in part if message.id]


@pytest.mark.parametrize("tag", TAGS)
def test_every_message_is_translated(tag: str) -> None:
    """A page in Chinese has no English sentence, and both catalogues have the same messages."""
    empty = [
        what
        for what, translated in entries(tag)
        if not all(translated if isinstance(translated, tuple) else (translated,))
    ]

    assert empty == []
    assert {what for what, _ in entries("en")} == {what for what, _ in entries("zh-CN")}


def test_a_message_is_in_the_language_that_was_chosen() -> None:
    """English as the code has it."""
    assert [language(tag).text("Sign in") for tag in TAGS] == ["Sign in", "登录"]


def test_the_catalogues_have_the_messages_of_the_code() -> None:
    """A message that the code no longer has is in none of them, and a new one is in both."""
    for locale, made in (("en", english_files()), ("zh_CN", chinese_files())):
        assert made == {file.name: file.read_text("utf-8") for file in (CATALOGS / locale).glob("*.po")}


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda script: script.name)
def test_no_message_stands_inside_a_template_literal(script: Path) -> None:
    """The reader of scripts does not look into `${…}`: the message would be in no catalogue."""
    assert re.findall(r"\$\{[^}`]*\b(?:text|plural)\(", script.read_text("utf-8")) == []


SAMPLES: dict[str, Any] = defaultdict(lambda: "7")


@pytest.mark.parametrize("tag", TAGS)
def test_every_message_can_be_written_with_values(tag: str) -> None:
    """A brace too many, or a place that takes no value, would end the page."""
    for what, _ in entries(tag):
        for written in forms(tag, what):
            filled = written % SAMPLES if re.search(r"%\(|%%", written) else written.format_map(SAMPLES)
            assert not re.search(r"\{\w+\}|%\(\w+\)", filled), filled


def forms(tag: str, message: object) -> list[str]:
    """How a language says a message, for numbers that differ in form."""
    translations = language(tag).translations
    if isinstance(message, tuple):
        return [translations.ngettext(message[0], message[1], number) for number in (0, 1, 2)]
    return [translations.gettext(str(message))]


def names(text: str) -> set[str]:
    """The places of a message that values take."""
    if "%(" in text:
        return set(re.findall(r"%\((\w+)\)s", text))
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_a_translation_has_the_values_of_its_message() -> None:
    """A sentence without its amount would be wrong, and an unknown name would end the page."""
    for what, translated in entries("zh-CN"):
        messages, translations = (one if isinstance(one, tuple) else (one,) for one in (what, translated))
        for translation in translations:
            # A message in the singular may leave out its number, and so may Chinese that has it in a word.
            assert names(str(translation)) <= names(str(messages[-1])), translation
            assert names(str(messages[-1])) - names(str(translation)) <= {"number"}, translation


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("en", ["12,345.67\xa0CNY", "0.50\xa0USD", "7\xa0JPY", "11 %", "3 Nov 2026", "November 2026", "1,234.5"]),
        ("zh-CN", ["¥12,345.67", "US$0.50", "JP¥7", "11%", "2026年11月3日", "2026年11月", "1,234.5"]),
    ],
)
def test_figures_are_written_as_the_language_writes_them(tag: str, shown: list[str]) -> None:
    """Nothing is rounded: an amount keeps its own decimals."""
    spoken = language(tag)

    assert shown == [
        spoken.money(Decimal("12345.67"), "CNY"),
        spoken.money(Decimal("0.50"), "USD"),
        spoken.money(Decimal(7), "JPY"),
        spoken.percent(0.11),
        spoken.day(date(2026, 11, 3)),
        spoken.month(date(2026, 11, 1)),
        spoken.number(Decimal("1234.5")),
    ]


def test_an_instant_is_that_of_its_zone() -> None:
    """Exact to the minute."""
    at = datetime.fromisoformat("2026-11-03T02:59:31Z")

    assert language("en").instant(at) == "3 Nov 2026, 02:59"
    assert language("zh-CN").instant(at) == "2026年11月3日 02:59"


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-GB,en;q=0.9,zh;q=0.1", "en"),
        ("de, zh-TW;q=0.7, en;q=0.3", "zh-CN"),
        ("de", "en"),
        ("", "en"),
        ("zh;q=x, ;q=1, zh;q=0", "en"),
    ],
)
def test_the_browser_prefers_a_language(accepted: str, tag: str) -> None:
    """English where it likes none of ours."""
    assert preferred(accepted) == tag
    assert tag in TAGS
