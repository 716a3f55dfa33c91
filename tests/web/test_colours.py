"""The stylesheet of colours: the catalogue's, all of them, and from our own server only."""

import re
from collections.abc import Iterator

import pytest

from collector.catalog import colours
from collector.web.app import create_app
from collector.web.colours import stylesheet
from collector.web.pages import HERE
from tests.web.opened import Fleet
from tests.web.serving import get, serving


@pytest.fixture
def sheet() -> Iterator[str]:
    fleet = Fleet()
    with serving(create_app(live=fleet.live, counters=fleet.counters, metrics=fleet.metrics)) as address:
        yield f"{address}/static/colours.css"


def test_every_name_has_the_colour_of_the_catalogue() -> None:
    """One that lacks a colour would look like another."""
    found = dict(re.findall(r"--(\w-\w+): (#\w{6});", stylesheet()))

    assert found == {
        **{f"r-{name}": colour for name, colour in colours.REASONS.items()},
        **{f"o-{name}": colour for name, colour in colours.OUTCOMES.items()},
        **{f"k-{name}": colour for name, colour in colours.COST_CLASSES.items()},
    }
    assert re.findall(r"\.(\w-\w+) { --colour: var\(--\1\); }", stylesheet()) == list(found)


def test_a_browser_reads_it_once(sheet: str) -> None:
    """Like a static file: as CSS, revalidated by its ETag."""
    first = get(sheet)
    again = get(sheet, **{"if-none-match": f"W/{first.headers['etag']}"})

    assert (first.status, first.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert first.headers["cache-control"] == "no-cache"
    assert first.body.decode() == stylesheet()
    assert (again.status, again.body) == (304, b"")
    assert get(sheet, **{"if-none-match": '"another"'}).status == 200


def test_no_second_list_of_colours() -> None:
    """A reason's colour in another sheet would part from the dashboards' at the next change."""
    sheets = "\n".join(file.read_text() for file in (HERE / "static").glob("*.css"))
    names = "|".join((*colours.REASONS, *colours.OUTCOMES, *colours.COST_CLASSES))

    assert re.findall(rf"(?:--|\.[rok]-)(?:{names})\s*[:{{][^;}}]*#\w+", sheets) == []
    assert [colour for colour in {*colours.REASONS.values(), *colours.OUTCOMES.values()} if colour in sheets] == []


def test_every_custom_property_is_defined() -> None:
    """A browser draws one that is not in black, and says nothing."""
    sheets = "\n".join((stylesheet(), *(file.read_text() for file in (HERE / "static").glob("*.css"))))
    used = set(re.findall(r"var\((--[\w-]+)", sheets))

    assert used - set(re.findall(r"(--[\w-]+):", sheets)) == set()
