"""No template has a text of its own: beside tags and values there are messages alone."""

from collections.abc import Iterator

import pytest
from jinja2 import Environment, nodes

from collector.web.pages import HERE
from tests.language.marked import bare_texts

TEMPLATES = HERE / "templates"
INSIDE_TAGS = ("body", "skip_to")
"""Blocks of base.html that are a part of a tag."""
READER = Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"], autoescape=True)


@pytest.mark.parametrize("name", sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")))
def test_a_template_has_no_text_outside_of_messages(name: str) -> None:
    """Branches that no test draws are looked at too."""
    assert bare_texts(with_figures((TEMPLATES / name).read_text("utf-8"))) == []


def with_figures(source: str) -> str:
    """The markup of a template, with a figure in the place of each value."""
    return "".join(_written(READER.parse(source)))


def _written(node: nodes.Node) -> Iterator[str]:
    """What a part of a template writes, in its order."""
    if isinstance(node, nodes.Output):
        for part in node.nodes:
            yield part.data if isinstance(part, nodes.TemplateData) else " 7 "
    elif not (isinstance(node, nodes.Block) and node.name in INSIDE_TAGS):
        for child in node.iter_child_nodes():
            yield from _written(child)


def test_a_text_between_values_is_found() -> None:
    """And a message is not taken for one."""
    source = '<p title="{{ one }} of {{ two }}">{{ one }} pods {% trans %}of all{% endtrans %} {{ _("now") }}</p>'

    assert bare_texts(with_figures(source)) == ["pods", "of"]
