"""
docs/reference/api.md, from the OpenAPI document that the collector serves.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NoReturn

from collector.catalog.counters import Counters
from collector.prices.lookup import Books
from collector.web.app import create_app
from collector.web.reports.api import add_report_api
from collector.web.reports.api_source import ApiReportSource
from generate.markdown import code, page, table

Json = dict[str, Any]

INTRODUCTION = """
The collector serves these paths at `http.listen`. The API only reads.
The OpenAPI document itself is at `/api/v1/openapi.json`. The live page at `/` uses the same API.
Instants are Unix milliseconds.
""".strip()


def build() -> str:
    """The page."""
    source = ApiReportSource(
        ask=_never, zone="UTC", currency="", patience_s=0, books=Books({}, (), (), ""), months=_never, bill=_never
    )
    more = [partial(add_report_api, source=source)]
    app = create_app(live=_never, counters=Counters(), metrics=_never, money=_never, history=_never, more=more)
    document = app.openapi()
    paths = [
        (code(f"{method.upper()} {path}"), operation.get("summary", ""), _answer(operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = {
        name: schema for name, schema in document["components"]["schemas"].items() if "ValidationError" not in name
    }
    return page(
        title="API",
        source="the OpenAPI document, which `collector/web/` makes",
        parts=[
            INTRODUCTION,
            table(("request", "answer", "schema"), paths),
            *_parameters(document["paths"]),
            *(part for name, schema in sorted(schemas.items()) for part in _section(name, schema)),
        ],
    )


def _never(*_: object) -> NoReturn:
    """Stands in for what the app asks while it serves: the document needs none of it."""
    raise AssertionError("the app is only described here, never served")


def _answer(operation: Json) -> str:
    content = operation["responses"].get("200", {}).get("content", {})
    return _type(content["application/json"]["schema"]) if "application/json" in content else "text"


def _parameters(paths: Json) -> Iterator[str]:
    """What each request takes beside its path, where that is described."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            described = [one for one in operation.get("parameters", ()) if one.get("description")]
            if described:
                yield f"## {method.upper()} {path}"
                yield str(operation.get("description") or operation["summary"])
                rows = [
                    (code(one["name"]), _type(one["schema"]), _usual(one), _example(one["schema"]), one["description"])
                    for one in described
                ]
                yield table(("parameter", "type", "default", "example", "meaning"), rows)


def _usual(parameter: Json) -> str:
    if parameter.get("required"):
        return "required"
    usual = parameter["schema"].get("default")
    return code(str(usual)) if usual not in (None, [], "") else ""


def _example(schema: Json) -> str:
    """The first example of a value."""
    (example,) = schema.get("examples", [""])[:1] or [""]
    return code(str(example[0] if isinstance(example, list) else example))


def _section(name: str, schema: Json) -> Iterator[str]:
    yield f"## {name}"
    if about := schema.get("description", ""):
        yield str(about)
    fields = [
        (code(field), _type(described), described.get("description", ""))
        for field, described in schema.get("properties", {}).items()
    ]
    yield table(("field", "type", "meaning"), fields)


def _type(schema: Json) -> str:
    """A type in words, with a link to the section of a schema."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": list(options)}:
            return " or ".join(_type(option) for option in options)
        case {"enum": list(values)}:
            return ", ".join(code(str(value)) for value in values)
        case {"const": value}:
            return code(str(value))
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"map to {_type(values)}"
        case _:
            return str(schema.get("type", "any"))
