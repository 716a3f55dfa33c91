"""
The kinds of panels that our dashboards have, each with one look. No query is written here.

A figure is for a glance, a series for "since when", a state timeline for states that last, a table for "which one".
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from collector.catalog.colours import ACCENT, NEUTRAL
from dashboards.fields import Field, defaults, fixed, mappings, override_like, unknown
from dashboards.grafana import Panel
from dashboards.targets import ClickHouseTarget, Target, lettered, source

Json = dict[str, Any]

Draw = Literal["line", "area", "bars", "points"]
"""Areas and bars are stacked: their sum matters. Bars are for what happened in an interval, areas for what is there."""

DRAWN: dict[Draw, Json] = {
    "line": {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 6, "stacking": {"group": "A", "mode": "none"}},
    "area": {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 75, "stacking": {"group": "A", "mode": "normal"}},
    "bars": {"drawStyle": "bars", "lineWidth": 0, "fillOpacity": 85, "stacking": {"group": "A", "mode": "normal"}},
    "points": {"drawStyle": "points", "lineWidth": 1, "fillOpacity": 0, "stacking": {"group": "A", "mode": "none"}},
}
SHOWN = {"legend": False, "tooltip": False, "viz": False}
LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
EVERY_ROW = {"calcs": ["lastNotNull"], "fields": "", "values": True}
TOOLTIP = {"mode": "multi", "sort": "desc", "hideZeros": False}


def panel(
    kind: str, title: str, description: str, targets: Sequence[Target], *, links: Sequence[Json] = (), **rest: Any
) -> Panel:
    """A panel of any kind; `rest` are options, defaults, overrides, transformations and the shortest interval."""
    return Panel(
        kind=kind,
        title=title,
        description=description,
        dataSource=source(targets),
        targets=lettered(targets),
        links=list(links),
        **rest,
    )


def stat(title: str, description: str, targets: Sequence[Target], shown: Field, *, links: Sequence[Json] = ()) -> Panel:
    """
    One figure, or a few side by side, of this moment or of the whole period. Its colour is that of the level reached.

    A figure with levels has a coloured ground, so that it is seen from afar.
    """
    options = {
        "colorMode": "background_solid" if shown.levels else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": EVERY_ROW if isinstance(targets[0], ClickHouseTarget) else LAST,
        "showPercentChange": False,
        "textMode": "value_and_name" if len(targets) > 1 else "auto",
        "wideLayout": True,
    }
    found = [*mappings(shown.texts, shown.colours), *unknown(shown)]
    settings = defaults(shown, {}) | {"color": {"mode": "thresholds"}, "mappings": found}
    return panel(
        "stat", title, description, targets, links=links, options=options, defaults=settings, overrides=shown.overrides
    )


def words(title: str, description: str, target: Target, shown: Field, *, links: Sequence[Json] = ()) -> Panel:
    """
    Words of each row of a query of one text column, as large as they fit: a state, a sentence, an amount with its currency.

    Words that have a colour have it as their ground.
    """
    made = stat(title, description, [target], shown, links=links)
    made.options |= {
        "colorMode": "background_solid" if shown.colours else "none",
        "justifyMode": "center",
        # Without a pattern a figure leaves out what is not a number.
        "reduceOptions": EVERY_ROW | {"fields": "/.*/"},
        "textMode": "value",
    }
    return made


def series(
    title: str,
    description: str,
    targets: Sequence[Target],
    shown: Field,
    *,
    draw: Draw = "line",
    log: bool = False,
    interval: str | None = None,
    links: Sequence[Json] = (),
) -> Panel:
    """
    Series over time. Levels are dashed lines; an axis begins at 0 unless `floor` says otherwise.

    `interval` is the shortest step: for queries that look back over a window of their own.
    """
    settings = defaults(replace(shown, links=()), _drawn(draw, shown, log=log)) | {"color": {"mode": "palette-classic"}}
    options = {
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": TOOLTIP,
    }
    return panel(
        "timeseries",
        title,
        description,
        targets,
        links=links,
        options=options,
        defaults=settings,
        overrides=[*_links(shown.links), *fixed(shown.colours), *shown.overrides],
        interval=interval,
    )


def _links(links: Sequence[Json]) -> list[Json]:
    """Links of points: of numbers only, since the field of time has no labels that a link could name."""
    of_numbers = {"id": "byType", "options": "number"}
    return [{"matcher": of_numbers, "properties": [{"id": "links", "value": list(links)}]}] if links else []


def _drawn(draw: Draw, shown: Field, *, log: bool) -> Json:
    """How a series is drawn."""
    # Soft: a series below 0, such as a clock's skew, is still drawn.
    begin = {} if log or shown.floor is not None else {"axisSoftMin": 0}
    reach = {} if shown.reach is None else {"axisSoftMax": shown.reach}
    return {
        **DRAWN[draw],
        **begin,
        **reach,
        "axisBorderShow": False,
        "axisPlacement": "auto",
        "hideFrom": SHOWN,
        "lineInterpolation": "linear",
        "pointSize": 6,
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "showPoints": "always" if draw == "points" else "never",
        "spanNulls": False,
        "thresholdsStyle": {"mode": "dashed" if shown.levels else "off"},
    }


def events(
    title: str,
    description: str,
    targets: Sequence[Target],
    shown: Field,
    *,
    links: Sequence[Json] = (),
) -> Panel:
    """
    Bars of single events, counted by `promql.events`: whole numbers, and the word `none` in a period without any.

    A minute is the shortest step: in a shorter one an event of one scrape would be drawn in several bars.
    """
    quiet = override_like("^none *$", color={"mode": "fixed", "fixedColor": NEUTRAL})
    named = replace(shown, decimals=0, reach=1, overrides=[quiet, *shown.overrides])
    return series(title, description, targets, named, draw="bars", interval="1m", links=links)


def lanes(title: str, description: str, targets: Sequence[Target], shown: Field, **rest: Any) -> Panel:
    """
    A state timeline: one lane a series, its states by `texts` and `colours`. `rest`: transformations, links, interval.
    """
    options = {
        "alignValue": "left",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "tooltip": TOOLTIP,
    }
    settings = defaults(shown, {"fillOpacity": 85, "hideFrom": SHOWN, "lineWidth": 0})
    settings |= {"color": {"mode": "thresholds"}, "mappings": mappings(shown.texts, shown.colours)}
    return panel(
        "state-timeline",
        title,
        description,
        targets,
        options=options,
        defaults=settings,
        overrides=shown.overrides,
        **rest,
    )


def heatmap(title: str, description: str, target: Target, shown: Field, *, links: Sequence[Json] = ()) -> Panel:
    """How many fell into each bucket in each step: shows two modes where quantiles show one line."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": False,
            "scale": "exponential",
            "scheme": "Blues",
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": shown.unit},
    }
    settings = defaults(shown, {"hideFrom": SHOWN, "scaleDistribution": {"type": "linear"}}) | {"unit": "short"}
    return panel("heatmap", title, description, [target], links=links, options=options, defaults=settings)


def bar_gauge(title: str, description: str, targets: Sequence[Target], shown: Field, **rest: Any) -> Panel:
    """One bar a series or column, its colour by its level or fixed by its name. `rest`: transformations, links."""
    options = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 40,
        "minVizHeight": 14,
        "minVizWidth": 8,
        "namePlacement": "left",
        "orientation": "horizontal",
        "reduceOptions": LAST,
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    settings = defaults(shown if shown.levels else replace(shown, base=shown.base or ACCENT), {})
    settings |= {"color": {"mode": "thresholds"}}
    return panel(
        "bargauge",
        title,
        description,
        targets,
        options=options,
        defaults=settings,
        overrides=[*fixed(shown.colours), *shown.overrides],
        **rest,
    )


def bars(title: str, description: str, target: Target, shown: Field, *, x: str, **rest: Any) -> Panel:
    """
    A bar chart of rows: one group of stacked bars for each value of the column `x`, one bar for each other number.

    Rows with a name and a number each need the transformation `pivot`. `rest`: transformations, links.
    """
    options = {
        "barRadius": 0,
        "barWidth": 0.9,
        "fullHighlight": False,
        "groupWidth": 0.8,
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "orientation": "auto",
        "showValue": "never",
        "stacking": "normal",
        "tooltip": TOOLTIP,
        "xField": x,
        "xTickLabelMaxLength": 16,
        "xTickLabelRotation": 0,
        "xTickLabelSpacing": 100,
    }
    custom = {"axisPlacement": "auto", "axisSoftMin": 0, "fillOpacity": 85, "hideFrom": SHOWN, "lineWidth": 0}
    settings = defaults(shown, custom) | {"color": {"mode": "palette-classic"}}
    return panel(
        "barchart",
        title,
        description,
        [target],
        options=options,
        defaults=settings,
        overrides=[*fixed(shown.colours), *shown.overrides],
        **rest,
    )


def pivot(row: str, column: str, value: str) -> list[Json]:
    """Of rows `row, column, value` a table with one column for each value of `column`; what has no row is empty."""
    options = {"rowField": row, "columnField": column, "valueField": value, "emptyValue": "null"}
    return [{"id": "groupingToMatrix", "options": options}]


def shares(title: str, description: str, target: Target, shown: Field, *, links: Sequence[Json] = ()) -> Panel:
    """A ring: the share of each row of a small table; text in the first column, the number in the second."""
    options = {
        "displayLabels": [],
        "legend": {
            "calcs": [],
            "displayMode": "table",
            "placement": "right",
            "showLegend": True,
            "values": ["value", "percent"],
        },
        "pieType": "donut",
        "reduceOptions": EVERY_ROW,
        "tooltip": TOOLTIP,
    }
    settings = defaults(shown, {"hideFrom": SHOWN}) | {"color": {"mode": "palette-classic"}}
    return panel(
        "piechart",
        title,
        description,
        [target],
        links=links,
        options=options,
        defaults=settings,
        overrides=[*fixed(shown.colours), *shown.overrides],
    )
