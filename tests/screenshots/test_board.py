"""The dashboard of README's picture is drawn from every panel that is generated."""

from collections.abc import Callable
from html import escape
from typing import Any

import pytest

from dashboards import ALL
from tests.screenshots.board import page
from tests.screenshots.charts import amount, chart
from tests.screenshots.sources import Json, Series, Sources, Table

SPAN = (1_795_270_000, 1_795_270_600)


class Answers(Sources):
    """Sources that know every answer."""

    def series(self, target: Json) -> list[Series]:
        """Two points of one line."""
        return [Series(name=f"<{target['refId']}>", points=[(SPAN[0], 1.0), (SPAN[1], 3.0)])]

    def table(self, target: Json) -> Table:
        """One row."""
        return Table(columns=["template"], rows=[["a & b"]])


@pytest.mark.parametrize("build", ALL.values(), ids=ALL)
def test_every_panel_is_drawn(build: Callable[[], dict[str, Any]]) -> None:
    """A panel of a new type or shape must not be missing from the picture."""
    board = build()
    sections = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    answers = Answers(prometheus="", clickhouse="", from_s=SPAN[0], to_s=SPAN[1])
    drawn = page(board, answers, sections)

    assert [panel["title"] for panel in board["panels"] if escape(panel["title"]) not in drawn] == []
    assert "<A>" not in drawn


def test_only_the_named_sections_are_drawn() -> None:
    """A picture for README ends where its reader would stop."""
    drawn = page(ALL["fleet"](), Answers(prometheus="", clickhouse="", from_s=SPAN[0], to_s=SPAN[1]), ["Now"])

    assert "Waiting" in drawn
    assert "Queue latency" not in drawn


def test_stacked_bars_stand_on_each_other() -> None:
    """The second series begins where the first ends, and the axis has room for both."""
    two = [Series(name=name, points=[(SPAN[0] + 300, 50.0)]) for name in ("a", "b")]
    picture = chart(two, span=SPAN, size=(400, 128), unit="short", stacked=True)

    assert 'y="58.0"' in picture
    assert 'y="8.0"' in picture


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.948, "percentunit", "94.8 %"),
        (67, "s", "1.12 min"),
        (0.02, "s", "20 ms"),
        (1234567, "short", "1,234,567"),
        (0.4, "short", "0.4"),
    ],
)
def test_amounts_read_well(value: float, unit: str, text: str) -> None:
    """A figure has its unit and no more digits than help."""
    assert amount(value, unit) == text
