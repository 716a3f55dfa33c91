"""
axe-core, which finds what of a page some people cannot use: installed once by npm, and asked in the page itself.
"""

from functools import cache
from pathlib import Path
from typing import Any

from tests.dashboards.look.packages import installed
from tests.web.browser import Page

RULES = Path(__file__).resolve().parent
"""The folder of the pins."""
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_ASK = """
const done = arguments[arguments.length - 1];
axe.run(document, { runOnly: arguments[0], resultTypes: ["violations"] }).then(
  (found) => done(found.violations.map((one) => [one.id, one.help, one.nodes.map((node) => node.target.join(" "))])),
  (error) => done([["error", String(error), []]]));
"""


@cache
def _script() -> str:
    return (installed(RULES) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """What a page violates, each rule with the elements that do."""
    if not page.run("return Boolean(window.axe)"):
        page.run(f"{_script()}; window.axe = axe;")
    found: list[Any] = page.chrome.execute_async_script(_ASK, list(STANDARDS))
    return [f"{rule}: {words}: {'; '.join(elements[:5])} ({len(elements)})" for rule, words, elements in found]
