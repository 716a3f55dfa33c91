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
from collector.language.language import TAGS, Language, language
from collector.web import charts, words
from collector.web.door import VISITOR
from collector.web.history import NoAnswerError, NotThereError
from collector.web.spoken import PageLanguage, spoken

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
        self._templates = {tag: _in_language(language(tag)) for tag in TAGS}
        _answer_trouble(app, self)

    def drawn(self, template: str, *, language: Language, **values: Any) -> str:
        """A template as HTML, in a language."""
        return self._templates[language.tag].get_template(template).render(values | {"language": language})

    def page(
        self, template: str, *, visitor: Visitor | None, spoken: PageLanguage, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A page as an answer to a visitor; None: without a token."""
        shown = values | {"visitor": visitor, "other_languages": spoken.others}
        return HTMLResponse(self.drawn(template, language=spoken.language, **shown), status)


def _in_language(chosen: Language) -> Environment:
    """The templates, with their messages in a language."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(chosen.translations, newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        "age": words.age,
        "amount": chosen.amount,
        "average": words.average,
        "bytes": words.bytes_of,
        "clock": words.clock,
        "count": words.count,
        "cut_share": words.cut_share,
        "day": chosen.day,
        "iso": words.iso,
        "money": words.money,
        "month": chosen.month,
        "plural": words.plural,
        "reason": words.reason,
        "segment": words.segment,
        "share": words.share,
        "span": words.span,
    }
    made.globals |= {"charts": charts}
    return made


def _answer_trouble(app: FastAPI, pages: PageTemplates) -> None:
    """Answers what is not there with 404 and a silent store with 503: as a page, or as JSON below /api/."""

    def answer(request: Request, status: int, title: str, texts: tuple[str, str]) -> Response:
        what, remedy = texts
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": what, "remedy": remedy}, status)
        visitor = request.scope[VISITOR]
        shown = {"title": title, "what": what, "remedy": remedy}
        return pages.page("trouble.html", visitor=visitor, spoken=spoken(request), status=status, **shown)

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
