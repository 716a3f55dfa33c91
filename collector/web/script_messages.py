"""
The messages of the live page's scripts, as a module for each language: static/words.js imports that of the page.

The page allows no script of its own and no script elsewhere, so the messages are a file as the scripts are.
"""

import json
from collections.abc import Mapping

from babel.messages.catalog import Catalog
from fastapi import FastAPI

from collector.language.language import Language, catalog_of
from collector.web.made_files import add_made_file

PART = "live"
"""The file of the catalogues that has what scripts say."""


def add_script_messages(app: FastAPI, languages: Mapping[str, Language]) -> None:
    """Serves the modules beside the scripts."""
    spoken = catalog_of("en", PART)
    for tag, language in languages.items():
        add_made_file(app, f"/static/messages-{tag}.js", script_of(spoken, language), "text/javascript")


def script_of(spoken: Catalog, language: Language) -> str:
    """A module whose default is an object: a message or its two forms, by the English message or its first form."""
    found = dict[str, str | list[str]]()
    for message in spoken:
        if isinstance(message.id, str):
            if message.id:
                found[message.id] = language.translations.gettext(message.id)
        else:
            one, many = message.id[:2]
            found[one] = [language.translations.ngettext(one, many, number) for number in (1, 2)]
    return f"export default {json.dumps(found)};\n"
