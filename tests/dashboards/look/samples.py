"""
A dashboard of samples and sources with canned answers, for tests of the renderer itself.
"""

import json
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.dashboards.look.drawing import Sources

Json = dict[str, Any]

NOW_S = 1_796_000_000
PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}
CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
COLUMNS = [
    {"name": "time", "type": "DateTime"},
    {"name": "what", "type": "LowCardinality(String)"},
    {"name": "spent", "type": "Float64"},
]
ROWS = [["2026-11-29 20:30:00", "a", 1.5], ["2026-11-29 20:30:00", "b", 2.25], ["2026-11-29 20:31:00", "a", 3]]
"""What every SQL query gives, but one with `nothing` in it."""


class _Answers(BaseHTTPRequestHandler):
    """As much of both sources as the samples ask for."""

    def do_GET(self) -> None:
        self._answer({"status": "success", "data": ["b", "a"]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if body.startswith("SELECT what FROM"):
            self._answer({"meta": COLUMNS[1:2], "data": [["a"], ["b"]]})
            return
        if not self.path.startswith("/api/"):
            self._answer({"meta": COLUMNS, "data": [] if "nothing" in body else ROWS})
            return
        query = {key: values[0] for key, values in urllib.parse.parse_qs(body).items()}
        self._answer({"status": "success", "data": {"result": _series(query)}})

    def _answer(self, answer: Json) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """No lines between those of the tests."""


def _series(query: Json) -> list[Json]:
    """Two series; buckets of a histogram for `bucket`, none for `nothing`, many long ones for `many`."""
    if "nothing" in query["query"]:
        return []
    labels = [{"cluster": "x"}, {"cluster": "y"}]
    if "bucket" in query["query"]:
        labels = [{"le": "1.0"}, {"le": "+Inf"}]
    if "many" in query["query"]:
        labels = [{"cluster": f"a cluster with a name of its own, number {i}"} for i in range(40)]
    if "time" in query:
        return [{"metric": each, "value": [float(query["time"]), f"{i + 1}"]} for i, each in enumerate(labels)]
    start, end, step = (int(query[key]) for key in ("start", "end", "step"))
    return [
        # 0 in the first half of the time, so that an annotation is one region in the second.
        {"metric": each, "values": [[at, f"{(i + 1) * (at * 2 > start + end)}"] for at in range(start, end + 1, step)]}
        for i, each in enumerate(labels)
    ]


@contextmanager
def canned() -> Iterator[Sources]:
    """Both sources on one port, for as long as the block lasts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        yield Sources(prometheus=base, clickhouse=base)
        server.shutdown()


def promql(expr: str = "up", **rest: Any) -> Json:
    """A PromQL target; `instant`, `format` and `legendFormat` in `rest`."""
    return {"datasource": PROMETHEUS, "refId": "A", "expr": expr, **rest}


def sql(statement: str = "SELECT 1", *, series: bool = False) -> Json:
    """A SQL target: a table, or series."""
    return {"datasource": CLICKHOUSE, "refId": "A", "rawSql": statement, "format": 0 if series else 1}


def panel(kind: str, title: str, *targets: Json, **rest: Any) -> Json:
    """A panel of half the width; the place is that of the dashboard's grid."""
    lettered = [target | {"refId": letter} for letter, target in zip("ABCDEFG", targets, strict=False)]
    return {"type": kind, "title": title, "targets": lettered, "options": {}, "fieldConfig": {}} | rest


def variable(name: str, query: str, datasource: Json, **rest: Any) -> Json:
    """A variable with values from a source; all of them are chosen where it has All."""
    every = {"includeAll": True, "multi": True, "current": {"value": ["$__all"]}} if rest.pop("all", True) else {}
    return {"type": "query", "name": name, "label": name, "query": query, "datasource": datasource} | every | rest


def dashboard(panels: Sequence[Json], **rest: Any) -> Json:
    """Panels two by two, under variables of each kind."""
    placed = [
        {"id": i + 1, "gridPos": {"x": 12 * (i % 2), "y": 8 * (i // 2), "w": 12, "h": 8}} | each
        for i, each in enumerate(panels)
    ]
    variables = [
        {"type": "datasource", "name": "prometheus", "query": "prometheus"},
        {"type": "datasource", "name": "datasource", "query": "grafana-clickhouse-datasource"},
        variable("cluster", "label_values(up, cluster)", PROMETHEUS, sort=1),
        variable("queue", "label_values(up, queue)", PROMETHEUS, allValue=".*"),
        variable("template", "SELECT what FROM t WHERE cluster IN (${cluster:singlequote})", CLICKHOUSE, all=False),
        {"type": "textbox", "name": "uid", "query": "", "current": {"value": "it's"}},
    ]
    made = {"uid": "sample", "title": "Sample", "time": {"from": "now-1h", "to": "now"}, "panels": placed}
    return made | {"templating": {"list": variables}} | rest
