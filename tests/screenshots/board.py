"""
A generated dashboard as a page: panels where their grid says, drawn from the answers to their own queries.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from tests.screenshots.charts import amount, chart, legend
from tests.screenshots.sources import Json, Series, Sources

COLUMN, ROW, GAP, HEAD = 66, 38, 8, 56
STYLE = """
body{margin:0;background:#f4f5f5;font:13px sans-serif;color:#24292e;width:1600px;position:relative}
h1{font-size:18px;margin:0;padding:16px 12px}
.panel{position:absolute;background:#fff;border:1px solid #e0e3e6;border-radius:3px;overflow:hidden}
.panel h2{font-size:13px;font-weight:600;margin:7px 10px 2px}
.heading{position:absolute;font-size:15px;font-weight:600;padding:9px 4px}
.figures{display:flex;justify-content:space-around;align-items:center;height:96px}
.figure{font-size:38px;font-weight:600;text-align:center}
.figure small{display:block;font-size:12px;font-weight:400;color:#6b7280}
.grid{stroke:#e6e8ea}.axis{font-size:11px;fill:#6b7280}
.legend{padding:0 10px;font-size:12px;white-space:nowrap}.legend span{margin-right:14px}
.legend i{display:inline-block;width:12px;height:4px;margin:0 5px 3px 0;border-radius:2px}
table{border-collapse:collapse;width:calc(100% - 20px);margin:4px 10px}
td,th{text-align:left;padding:4px 8px;border-bottom:1px solid #eceef0}
"""


def page(board: Json, sources: Sources, sections: Sequence[str]) -> str:
    """The first sections of a dashboard; `sections` are their titles."""
    parts, bottom = [], 0
    for panel in board["panels"]:
        if panel["type"] == "row" and panel["title"] not in sections:
            break
        place = panel["gridPos"]
        left, top = place["x"] * COLUMN + GAP, place["y"] * ROW + HEAD
        width, height = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        bottom = top + height
        spot = f"left:{left}px;top:{top}px;width:{width}px;height:{height}px"
        if panel["type"] == "row":
            parts.append(f'<div class="heading" style="{spot}">{escape(panel["title"])}</div>')
        else:
            inside = _content(panel, sources, width, height)
            parts.append(f'<div class="panel" style="{spot}"><h2>{escape(panel["title"])}</h2>{inside}</div>')
    return (
        f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><body style="height:{bottom + GAP}px">'
        f"<h1>{escape(board['title'])}</h1>{''.join(parts)}</body>"
    )


def _content(panel: Json, sources: Sources, width: int, height: int) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] == "table":
        return _table(panel, sources)
    series = [found for target in panel["targets"] for found in sources.series(target)]
    if panel["type"] == "stat":
        return _figures(series, defaults)
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    shown = sorted(series, key=lambda line: -max((value for _, value in line.points), default=0)) if stacked else series
    picture = chart(
        shown,
        span=(sources.from_s, sources.to_s),
        size=(width - 12, height - 52),
        unit=defaults["unit"],
        stacked=stacked,
    )
    return picture + legend(shown)


def _figures(series: list[Series], defaults: Json) -> str:
    figures = (
        f'<div class="figure">{escape(amount(line.points[-1][1], defaults["unit"], defaults.get("decimals")))}'
        f"<small>{escape(line.name if len(series) > 1 else '')}</small></div>"
        for line in series
        if line.points
    )
    return f'<div class="figures">{"".join(figures) or "unknown"}</div>'


def _table(panel: Json, sources: Sources) -> str:
    found = sources.table(panel["targets"][0])
    head = "".join(f"<th>{escape(name)}</th>" for name in found.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(_cell(value))}</td>' for value in row)}</tr>" for row in found.rows[:9])
    return f"<table><tr>{head}</tr>{rows}</table>"


def _cell(value: Any) -> str:
    return amount(value, "short", 4) if isinstance(value, float) else str(value)
