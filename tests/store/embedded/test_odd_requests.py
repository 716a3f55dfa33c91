"""Requests of odd bytes and numbers, at the running store: each has an answer of ClickHouse's kind, and none makes it fail."""

import http.client
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.running import Running, ask

NAMES = [
    "query", "database", "default_format", "client_protocol_version", "param_x", "max_threads", "max_block_size",
    "max_execution_time", "max_result_rows", "max_memory_usage", "max_rows_to_read", "user", "password", "compress",
    "decompress", "session_id", "query_id", "role", "log_comment", "readonly", "wait_end_of_query",
]  # fmt: skip
HEADERS = [
    "X-ClickHouse-User", "X-ClickHouse-Key", "X-ClickHouse-Database", "X-ClickHouse-Format", "Authorization", "Content-Type",
    "Content-Encoding", "Accept-Encoding", "Expect", "Host", "Origin", "Sec-Fetch-Site", "Connection", "Upgrade", "Cookie",
    "Range", "If-None-Match", "Keep-Alive", "TE", "X-Forwarded-For",
]  # fmt: skip

digits = st.sampled_from(
    ["9" * 5_000, "-1", "0", "1e999", "0x10", "²", "٣", "1_000", " 1", "18446744073709551616", "NaN"]
)
odd = st.binary(max_size=30) | digits.map(str.encode)
texts = (
    odd
    | st.sampled_from([b"SELECT 1", b"SELECT {x:String}", b"SELECT {x:UInt64}", b"CSV", b"JSON", b"Native", b"lynceus"])
    | st.sampled_from(
        [b"gzip", b"lz4", b"multipart/form-data; boundary=x", b"Basic \xff", b"Basic PzoE", b"100-continue"]
    )
)


def written(value: bytes) -> bytes:
    """A header's value that HTTP lets through."""
    return bytes(byte for byte in value if byte >= 32 and byte != 127)


def reply_to(
    running: Running, method: str, path: str, headers: list[tuple[str, bytes]], body: bytes
) -> tuple[int, str, str]:
    """(status, exception's code, text) of one request, in bytes that no client would send."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(running.url).port or 0, timeout=30)
    try:
        connection.putrequest(
            method, path, skip_host=any(name == "Host" for name, _ in headers), skip_accept_encoding=True
        )
        for name, value in headers:
            connection.putheader(name, written(value))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        text = reply.read().decode(errors="replace")
        return reply.status, reply.headers.get("X-ClickHouse-Exception-Code", ""), text
    finally:
        connection.close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "POST", "PUT", "OPTIONS", "DELETE"]),
    path=st.sampled_from(["/", "/ping", "/%ff", "//", "/replicas_status", "/a/../b", "/?", "/;x"]),
    query=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), texts, max_size=4),
    headers=st.dictionaries(st.sampled_from(HEADERS), texts, max_size=3),
    body=texts,
    is_writer=st.booleans(),
)
def test_no_request_makes_the_store_fail(
    running: Running,
    method: str,
    path: str,
    query: dict[str, bytes],
    headers: dict[str, bytes],
    body: bytes,
    is_writer: bool,
) -> None:
    """Every one is answered: with a result, or an error that names what is wrong with the request."""
    if is_writer:
        headers |= {"X-ClickHouse-User": b"lynceus", "X-ClickHouse-Key": running.token().encode()}
    address = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
    status, code, text = reply_to(
        running, method, f"{path}{'&' if '?' in path else '?'}{address}", list(headers.items()), body
    )

    assert "its log says why" not in text
    assert status == 200 or code.isdecimal()
    assert code != "1002", text


@pytest.mark.parametrize("name", ["X-ClickHouse-User", "X-ClickHouse-Key", "Authorization", "X-ClickHouse-Database"])
@pytest.mark.parametrize("value", [b"\xff", b"\xed\xa0\x80", b"x" * 8_000, b"\xc3\xbc", b"\xe2\x80\xae", b""])
def test_odd_bytes_of_a_header_are_refused_or_used(name: str, value: bytes, running: Running) -> None:
    """A user, a key and a database of any bytes."""
    status, code, text = reply_to(running, "POST", "/", [(name, value)], b"SELECT 1")

    assert (status, text) == (200, "1\n") or code in {"516", "194", "81", "164"}


@pytest.mark.parametrize("value", ["9" * 5_000, "9" * 20, "-1", "²", "٣", "1e3", "", " "])
@pytest.mark.parametrize(
    "name",
    ["client_protocol_version", "max_threads", "max_execution_time", "max_result_rows", "max_block_size", "compress"],
)
def test_odd_numbers_are_refused_or_bounded(name: str, value: str, running: Running) -> None:
    """As ClickHouse does, and never more than a reader may have."""
    for user, key in (("", ""), ("lynceus", running.token())):
        reply = ask(running, "SELECT 1", user=user, key=key, headers={}, method="POST", **{name: value})

        assert (reply.status, reply.text) == (200, "1\n") or reply.headers["X-ClickHouse-Exception-Code"].isdecimal()
        assert "its log says why" not in reply.text
