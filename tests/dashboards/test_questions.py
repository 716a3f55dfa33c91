"""The questions of docs/operate/dashboards.md lead to panels and sections that exist."""

import re
from pathlib import Path

import pytest

from tests.dashboards.shipped import shipped

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operate" / "dashboards.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in row) for row in re.findall(r"^\| (\d+) \|(.+?)\|(.+?)\|(.*?)\|$", PAGE, re.MULTILINE)
]
PANELS = {
    board["title"].removeprefix("Lynceus / "): {panel["title"] for panel in board["panels"] if panel["type"] != "row"}
    for board in shipped().values()
}
TEMPLATES = ROOT / "collector" / "web" / "templates"


def sections(page: str) -> set[str]:
    """Headings of a built-in page, of its parts too."""
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES.glob(f"{page}*.html")]
    headings = [found for text in texts for found in re.findall(r"<h2[^>]*>(.+?)</h2>", text)]
    messages = {found for heading in headings for found in re.findall(r"_\(\"(.+?)\"\)", heading)}
    return messages | {re.sub(r"\{\{.*?\}\}", "", heading) for heading in headings}


def test_there_are_thirty_questions_and_all_but_two_are_answered() -> None:
    """Numbered from 1; an answer names a panel at least."""
    assert [int(number) for number, *_ in ROWS] == list(range(1, 31))
    assert sum(bool(panels) for _, _, panels, _ in ROWS) >= 28


@pytest.mark.parametrize(("number", "question", "panels", "pages"), ROWS)
def test_an_answer_is_a_panel_that_exists(number: str, question: str, panels: str, pages: str) -> None:
    """A panel that was renamed would be looked for in vain, in minutes that count."""
    assert question.endswith("?")
    for answer in panels.split("; "):
        board, _, titles = answer.partition(": ")
        assert [title for title in titles.split(" · ") if title not in PANELS[board]] == [], board
    for answer in filter(None, pages.split("; ")):
        page, _, title = answer.partition(": ")
        assert title in sections(page), page
