"""
Pages that the server draws: the templates, the words in them, and the pages for what is not there or has no answer.

Every value is escaped; a template marks nothing as safe.
"""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collector.access.scope import ALL, Visitor
from collector.web import charts, words
from collector.web.door import VISITOR
from collector.web.history import NoAnswerError, NotThereError

HERE = Path(__file__).parent
WHEN_NO_ANSWER = (
    "Reload in a few seconds. If it stays, see /readyz and the panel Watches and store of the live page: both work without "
    "the store."
)
NO_ANSWER = "the store could not be read"
WHEN_NO_ANSWER_OF_SOME = "Reload in a few seconds. If it stays, report it to who runs Lynceus."
"""For a visitor who does not see the health of the store."""


class PageTemplates:
    """The templates, loaded once."""

    def __init__(self, app: FastAPI) -> None:
        """`app` answers from now on what is not there, and a silent store, with pages of its own."""
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "age": words.age,
            "average": words.average,
            "span": words.span,
            "bytes": words.bytes_of,
            "clock": words.clock,
            "count": words.count,
            "cut_share": words.cut_share,
            "iso": words.iso,
            "money": words.money,
            "plural": words.plural,
            "reason": words.reason,
            "segment": words.segment,
            "share": words.share,
        }
        self._templates.globals |= {"charts": charts}
        _answer_trouble(app, self)

    def text(self, template: str, **values: Any) -> str:
        """A page as text."""
        return self._templates.get_template(template).render(values)

    def page(self, template: str, *, visitor: Visitor | None, status: int = 200, **values: Any) -> HTMLResponse:
        """A page as an answer to a visitor; None: without a token."""
        return HTMLResponse(self.text(template, visitor=visitor, **values), status)


def _answer_trouble(app: FastAPI, pages: PageTemplates) -> None:
    """Answers what is not there with 404 and a silent store with 503: as a page, or as JSON below /api/."""

    def answer(request: Request, status: int, title: str, texts: tuple[str, str]) -> Response:
        what, remedy = texts
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": what, "remedy": remedy}, status)
        visitor = request.scope[VISITOR]
        return pages.page("trouble.html", visitor=visitor, status=status, title=title, what=what, remedy=remedy)

    async def not_there(request: Request, error: Exception) -> Response:
        remedy = error.remedy if isinstance(error, NotThereError) else ""
        return answer(request, 404, "Not found", (str(error), remedy))

    async def no_answer(request: Request, error: Exception) -> Response:
        # The store's own words may quote what it was reading, of whatever department.
        known = request.scope[VISITOR].scope == ALL
        texts = (str(error), WHEN_NO_ANSWER) if known else (NO_ANSWER, WHEN_NO_ANSWER_OF_SOME)
        return answer(request, 503, "No answer from the store", texts)

    app.add_exception_handler(NotThereError, not_there)
    app.add_exception_handler(NoAnswerError, no_answer)
