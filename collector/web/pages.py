"""
Pages that the server draws: the templates, the words in them, and the pages for what is not there or has no answer.

Every value is escaped; a template marks nothing as safe.
"""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collector.access.scope import ALL, Visitor
from collector.language.language import ENGLISH, LANGUAGES, Language, in_catalog
from collector.web import charts, words
from collector.web.door import VISITOR
from collector.web.history import NoAnswerError, NotThereError
from collector.web.names import department_name, name_of, scope_name
from collector.web.spoken import PageLanguage, add_languages, language_of, spoken

HERE = Path(__file__).parent
WHEN_NO_ANSWER = in_catalog(
    "Reload in a few seconds. If it stays, see /readyz and the panel Watches and store of the live page: both work without "
    "the store."
)
NO_ANSWER = in_catalog("the store could not be read")
WHEN_NO_ANSWER_OF_SOME = in_catalog("Reload in a few seconds. If it stays, report it to who runs Lynceus.")
"""For a visitor who does not see the health of the store."""


class PageTemplates:
    """The templates, loaded once."""

    def __init__(self, app: FastAPI, languages: Mapping[str, Language] = LANGUAGES) -> None:
        """`app` answers from now on what is not there, and a silent store, with pages of its own."""
        self._templates = {tag: templates_in(chosen) for tag, chosen in languages.items()}
        add_languages(app, languages)
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


@cache
def templates_in(chosen: Language) -> Environment:
    """The templates, with their messages in a language; loaded once."""
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
    made.filters |= _filters(chosen)
    made.globals |= {"charts": charts, "text": chosen.text, "plural": chosen.plural}
    return made


def _filters(chosen: Language) -> dict[str, Any]:
    """How values are written, by the name of the filter."""
    return {
        "age": chosen.age,
        "amount": chosen.amount,
        "average": words.average,
        "bytes": words.bytes_of,
        "clock": words.clock,
        "count": chosen.count,
        "cut_share": chosen.cut_share,
        "day": chosen.day,
        "department": partial(department_name, language=chosen),
        "iso": words.iso,
        "money": chosen.cost,
        "month": chosen.month,
        "reason": partial(name_of, language=chosen),
        "translated": chosen.text,
        "scope": partial(scope_name, language=chosen),
        "segment": words.segment,
        "share": chosen.share,
        "span": chosen.span,
    }


def _answer_trouble(app: FastAPI, pages: PageTemplates) -> None:
    """Answers what is not there with 404 and a silent store with 503: as a page, or as JSON below /api/."""

    def answer(request: Request, status: int, title: str, texts: tuple[str, str]) -> Response:
        what, remedy = texts
        if _is_for_programs(request):
            return JSONResponse({"detail": what, "remedy": remedy}, status)
        visitor = request.scope[VISITOR]
        shown = {"title": language_of(request).text(title), "what": what, "remedy": remedy}
        return pages.page("trouble.html", visitor=visitor, spoken=spoken(request), status=status, **shown)

    async def not_there(request: Request, error: Exception) -> Response:
        texts = (str(error), error.remedy) if isinstance(error, NotThereError) else (str(error), "")
        return answer(request, 404, in_catalog("Not found"), texts)

    async def no_answer(request: Request, error: Exception) -> Response:
        language = ENGLISH if _is_for_programs(request) else language_of(request)
        # The store's own words may quote what it was reading, of whatever department.
        if request.scope[VISITOR].scope == ALL and isinstance(error, NoAnswerError):
            texts = error.text_in(language), language.text(WHEN_NO_ANSWER)
        else:
            texts = language.text(NO_ANSWER), language.text(WHEN_NO_ANSWER_OF_SOME)
        return answer(request, 503, in_catalog("No answer from the store"), texts)

    app.add_exception_handler(NotThereError, not_there)
    app.add_exception_handler(NoAnswerError, no_answer)


def _is_for_programs(request: Request) -> bool:
    """Whether a request is of the API, which is English."""
    return request.url.path.startswith("/api/")
