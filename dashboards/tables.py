"""
Tables to look things up in: their columns as data, of rows of ClickHouse or of several figures of Prometheus.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.fields import UNKNOWN, Field, mappings, steps
from dashboards.grafana import Panel
from dashboards.panels import panel
from dashboards.targets import LETTERS, ClickHouseTarget, Target

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name in the answer, its heading, and how its values are shown. Levels colour the whole cell."""

    name: str
    title: str = ""
    shown: Field = field(default_factory=Field)
    width: int | None = None
    """Pixels; columns without one share what is left."""
    long: bool = False
    """Foreign words of any length: what does not fit is cut, and a click shows all of it."""
    hidden: bool = False
    """Not drawn, but links may use its value: `value_of("uid")`."""

    @property
    def heading(self) -> str:
        """The name that a viewer reads."""
        return self.title or self.name.replace("_", " ").capitalize()


def value(letter: str) -> str:
    """The name of the column that the query of this letter gives, in a table of Prometheus figures."""
    return f"Value #{letter}"


def table(
    title: str,
    description: str,
    targets: Sequence[Target],
    columns: Sequence[TableColumn],
    *,
    empty: str,
    sort: str = "",
    rising: bool = False,
    links: Sequence[Json] = (),
) -> Panel:
    """
    A table with these columns in this order, and no others. `sort`: heading of the column whose highest value is first,
    or whose lowest value is where it is `rising`.

    Several queries of Prometheus are merged: rows with the same labels are one row.
    """
    options = {
        "cellHeight": "sm",
        "frameIndex": 0,
        "showHeader": True,
        "sortBy": [{"displayName": sort, "desc": not rising}] if sort else [],
    }
    # Without a filter icon in each heading: it takes the room of the text.
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False}
    settings = {"unit": "short", "noValue": empty, "thresholds": steps(()), "custom": custom}
    return panel(
        "table",
        title,
        description,
        targets,
        links=links,
        options=options,
        defaults=settings,
        overrides=[_override(column) for column in columns],
        transformations=_shape(targets, [column.name for column in columns]),
    )


def _shape(targets: Sequence[Target], names: list[str]) -> list[Json]:
    """Makes one table of the answers, with these columns in this order."""
    order = {"id": "organize", "options": {"indexByName": {name: at for at, name in enumerate(names)}}}
    if isinstance(targets[0], ClickHouseTarget):
        return [order]
    # Grafana names a value after its query only if another query has an answer too, else `Value` (its issue 57855).
    after = [
        {
            "id": "renameByRegex",
            "filter": {"id": "byRefId", "options": letter},
            "options": {"regex": "^Value( #.)?$", "renamePattern": value(letter)},
        }
        for letter in LETTERS[: len(targets)]
    ]
    only = {"id": "filterFieldsByName", "options": {"include": {"names": names}}}
    return [*after, {"id": "merge", "options": {}}, only, order]


def _override(column: TableColumn) -> Json:
    shown = column.shown
    properties: list[tuple[str, object]] = [("displayName", column.heading)]
    if shown.unit != "short":
        properties.append(("unit", shown.unit))
    if shown.decimals is not None:
        properties.append(("decimals", shown.decimals))
    # Not the table's text for no row at all, which would stand in each empty cell.
    properties.append(("noValue", "" if shown.empty == UNKNOWN else shown.empty))
    if found := mappings(shown.texts, shown.colours):
        properties.append(("mappings", found))
    if shown.levels or shown.colours:
        # Of a cell the whole ground is coloured: without a level it has none, not the white of the text.
        properties.append(("thresholds", steps(shown.levels, "transparent")))
        properties.append(("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
    if shown.links:
        properties.append(("links", list(shown.links)))
    if column.width is not None:
        properties.append(("custom.width", column.width))
    if column.long:
        properties.append(("custom.inspect", True))
    if column.hidden:
        # Grafana 13 reads the second, the others the first.
        properties += [("custom.hidden", True), ("custom.hideFrom.viz", True)]
    return {
        "matcher": {"id": "byName", "options": column.name},
        "properties": [{"id": name, "value": value} for name, value in properties],
    }
