"""
Reads a request as one statement: from its address, its headers, its body or the fields of a form.

Every part has a bound that holds while it is read: a stranger's request costs no more than a statement needs.
Long texts are taken apart in a thread, since the event loop serves everybody.
"""

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import HttpVersion11, web

from collector.catalog.schema import DATABASE, WRITER
from collector.store.embedded.access import RefusedRequestError
from collector.store.embedded.compression import decompress
from collector.store.embedded.handle import Statement
from collector.store.embedded.http import BODY_S, connection_of

READER_BODY = 1 << 20
WRITER_BODY = 256 << 20
"""Bytes of a request's body, before and after decompression."""

MAX_FIELDS = 1_000
"""Parameters of an address, and fields of a form."""

FIELD_HEAD = 4 << 10
"""Bytes before a field's value: its name."""

SHORT_BODY = 64 << 10
"""Bytes that are taken apart at once, without a thread."""

_NOT_SETTINGS = frozenset({
    "add_http_cors_header", "buffer_size", "client_protocol_version", "compress", "database", "decompress",
    "default_format", "enable_http_compression", "http_headers_progress_interval_ms", "password", "query", "query_id",
    "quota_key", "role", "send_progress_in_http_headers", "session_check", "session_id", "session_timeout", "user",
    "wait_end_of_query",
})  # fmt: skip
"""Query parameters that speak to the HTTP interface. No session is kept: its names are read and forgotten."""

_INSERT_HEAD = re.compile(rb"(\s*INSERT\s.*?\b)FORMAT\s+(\w+)[ \t]*(?:\r?\n|$)", re.IGNORECASE | re.DOTALL)
_HEAD_BYTES = 1 << 16

_BOUNDARY = re.compile(r""";\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE)
_NAME = re.compile(rb"""[;\s]name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""", re.IGNORECASE)
_FILE_NAME = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)
_FORM_HEAD = re.compile(rb"^content-disposition:[ \t]*form-data\b.*$", re.IGNORECASE | re.MULTILINE)

_BAD_REQUEST = 36
_TOO_LARGE = 307
_UNSUPPORTED = 48


async def read_statement(request: web.BaseRequest, role: str) -> Statement | None:
    """Reads a user's request as one statement; None when it has none."""
    if request.rel_url.raw_query_string.count("&") >= MAX_FIELDS:
        raise _too_large(f"an address may have {MAX_FIELDS} parameters")
    options = dict(request.query)
    if options.get("compress", "0") != "0" or options.get("decompress", "0") != "0":
        raise RefusedRequestError(
            _UNSUPPORTED, "ClickHouse's own block compression (compress=1) is not supported; use none, lz4 or gzip"
        )
    limit = WRITER_BODY if role == WRITER else READER_BODY
    body = await _body(request, limit, patient=role == WRITER)
    if len(body) > SHORT_BODY or "Content-Encoding" in request.headers:
        return await asyncio.to_thread(_statement, options, request.headers, body, limit)
    return _statement(options, request.headers, body, limit)


async def _invite_body(request: web.BaseRequest) -> None:
    """Invites the body of a client that waits for that: curl sends a large one only then, or a second later."""
    if request.version == HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # nothing of the answer itself is sent yet


async def _body(request: web.BaseRequest, limit: int, *, patient: bool) -> bytearray:
    """The body as it was sent, which is counted while it arrives. The writer's may take as long as some of it arrives."""
    bound, chunks = connection_of(request).bound, bytearray()
    too_large = _too_large(f"a body may have {limit} bytes")
    if (request.content_length or 0) > limit:
        raise too_large
    await _invite_body(request)
    bound.receives(BODY_S)
    async for chunk in request.content.iter_any():
        chunks += chunk
        if len(chunks) > limit:
            raise too_large
        if patient:
            bound.receives(BODY_S)
    bound.works()
    return chunks


def _statement(options: dict[str, str], headers: Mapping[str, str], sent: bytearray, limit: int) -> Statement | None:
    """The statement of a request that is read; None when it has none."""
    encoding = headers.get("Content-Encoding", "")
    body: bytes | bytearray = decompress(sent, encoding, limit) if encoding else sent
    content_type = headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
        options, body = options | form_fields(body, content_type), b""
    statement, data_format, data = _split(options.get("query", ""), body)
    if not statement.strip():
        return None
    return Statement(
        statement=statement,
        parameters={name[len("param_") :]: text for name, text in options.items() if name.startswith("param_")},
        settings={
            name: text for name, text in options.items() if name not in _NOT_SETTINGS and not name.startswith("param_")
        },
        database=_database(options, headers),
        output_format=options.get("default_format") or _text(headers, "X-ClickHouse-Format") or "TabSeparated",
        revision=_number(options.get("client_protocol_version", "0")),
        data=data,
        data_format=data_format,
    )


def _database(options: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The database of a statement. Clients name `default` unasked, which in this engine reads files: ours replaces it."""
    name = options.get("database") or _text(headers, "X-ClickHouse-Database") or DATABASE
    return DATABASE if name == "default" else name


def _text(headers: Mapping[str, str], name: str) -> str:
    """A header's text; odd bytes, which arrive as surrogates, are replaced: no database or format has such a name."""
    return headers.get(name, "").encode(errors="replace").decode()


def _number(text: str) -> int:
    """A protocol's revision; 0, the oldest, for what is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _split(query: str, body: bytes | bytearray) -> tuple[str, str, bytes | None]:
    """(statement, format of its data, its data), from the query parameter and the body."""
    whole = query.encode() + b"\n" + body if query else body
    head = _INSERT_HEAD.match(whole[:_HEAD_BYTES])
    if head is None or head.group(2).lower() == b"values":
        return _decoded(whole), "", None
    return _decoded(head.group(1)), head.group(2).decode(), bytes(memoryview(whole)[head.end() :])


def _decoded(text: bytes | bytearray) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise RefusedRequestError(
            _BAD_REQUEST, "a statement must be UTF-8, data must follow INSERT … FORMAT f"
        ) from None


def form_fields(body: bytes | bytearray, content_type: str) -> dict[str, str]:
    """The fields of a form, which clickhouse-connect sends instead of long query parameters."""
    named = _BOUNDARY.search(content_type)
    if named is None:
        raise RefusedRequestError(_BAD_REQUEST, "the form's Content-Type names no boundary")
    boundary = (named.group(1) or named.group(2)).encode(errors="surrogateescape")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_FIELDS + 2)
    if len(parts) > MAX_FIELDS + 1:
        raise _too_large(f"a form may have {MAX_FIELDS} fields")
    if not parts or not parts[-1].startswith(b"--"):
        raise RefusedRequestError(_BAD_REQUEST, "the form ends early")
    return dict(map(_field, parts[:-1]))


def _field(part: bytes) -> tuple[str, str]:
    """(name, value) of a field, from what stands between two boundaries."""
    end = part.find(b"\r\n\r\n", 0, FIELD_HEAD)
    disposition = _FORM_HEAD.search(part, 0, max(end, 0))
    named = _NAME.search(disposition.group()) if disposition else None
    if disposition is None or named is None:
        raise RefusedRequestError(_BAD_REQUEST, "a field of the form has no readable name")
    if _FILE_NAME.search(disposition.group()):
        raise RefusedRequestError(_UNSUPPORTED, "external tables are not supported")
    name = re.sub(rb"\\(.)", rb"\1", named.group(1)) if named.group(1) is not None else named.group(2)
    return _decoded(name), _decoded(part[end + 4 :])


def _too_large(text: str) -> RefusedRequestError:
    return RefusedRequestError(_TOO_LARGE, text, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
