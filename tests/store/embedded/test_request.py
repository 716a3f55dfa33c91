"""Requests of strangers: forms, addresses and bodies are bounded while they are read, and cost what their size costs."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from collector.store.embedded.access import RefusedRequestError
from collector.store.embedded.compression import UnreadableBodyError
from collector.store.embedded.request import FIELD_HEAD, MAX_FIELDS, READER_BODY, _statement, form_fields
from tests.store.running import Running, ask

FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def form(*fields: tuple[str, str], end: bytes = b"--x--\r\n") -> bytes:
    """A form as browsers and drivers write it."""
    return (
        b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value.encode())
            for name, value in fields
        )
        + end
    )


@contextmanager
def connected(running: Running) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 0), timeout=20) as client:
        yield client


# --- forms ------------------------------------------------------------------------------------------------------------


def test_a_form_may_hold_the_statement_and_its_parameters(running: Running) -> None:
    """Also with texts that look like a form themselves."""
    odd = 'a\r\n--y\r\n"; name="z"\r\n\r\n-- ü'
    body = form(("query", "SELECT {t:String}"), ("param_t", odd.replace("\r", "").replace("\n", "")), ("empty", ""))

    reply = ask(running, body, headers=FORM)

    assert "Cannot modify 'empty'" in reply.text
    assert ask(running, form(("query", "SELECT {t:String}"), ("param_t", "-- ü")), headers=FORM).text == "-- ü\n"


def test_urllib3s_own_form_is_read(running: Running) -> None:
    """clickhouse-connect sends its long parameters so."""
    fields = {"query": "SELECT length({t:String})", "param_t": "x" * 100_000}
    with urllib3.HTTPConnectionPool("127.0.0.1", urlsplit(running.url).port) as pool:
        assert pool.request("POST", "/", fields=fields).data == b"100000\n"


@pytest.mark.parametrize("name", ["p%d", ""], ids=["names", "one name"])
def test_a_form_of_very_many_fields_is_refused_at_once(name: str, running: Running) -> None:
    """60,000 fields took minutes, and the store gave no other answer meanwhile."""
    fields = [(name % number if name else name, "") for number in range(15_000)]

    began = time.monotonic()
    reply = ask(running, form(*fields), headers=FORM)

    assert (reply.status, "1000 fields" in reply.text) == (413, True)
    assert time.monotonic() - began < 2
    assert form_fields(form(*fields[:MAX_FIELDS]), FORM["Content-Type"])
    with pytest.raises(RefusedRequestError, match="1000 fields"):
        form_fields(form(*fields[: MAX_FIELDS + 1]), FORM["Content-Type"])


@pytest.mark.parametrize(
    "start",
    [
        form(("query", ""), end=b"")[:-2],
        b"",
        b"--x\r\nContent-Disposition: form-data; name=",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\nX: ',
        b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n',
    ],
    ids=["value", "preamble", "name", "header", "file"],
)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_large_form_is_not_read_to_its_end(start: bytes, chunked: bool, running: Running) -> None:
    """The bytes are counted while they are read, wherever in the form they stand; the answer comes before the rest."""
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    sent = start + b"y" * (READER_BODY + 1)
    with connected(running) as client:
        if chunked:
            client.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (200 << 20) + sent)
        else:
            client.sendall(head + b"Content-Length: %d\r\n\r\n" % (200 << 20))
        answer = client.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("body", "content_type", "why"),
    [
        (form(("a", "b"), end=b""), FORM["Content-Type"], "ends early"),
        (b"", FORM["Content-Type"], "ends early"),
        (form(("a", "b")), "multipart/form-data", "names no boundary"),
        (b"--x\r\n\r\nvalue\r\n--x--", FORM["Content-Type"], "no readable name"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--", FORM["Content-Type"], "no readable name"),
        (b'--x\r\nContent-Disposition: form-data; name="a"', FORM["Content-Type"], "ends early"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n--x--', FORM["Content-Type"], "no readable name"),
        (form(("n" * FIELD_HEAD, "")), FORM["Content-Type"], "no readable name"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--',
            FORM["Content-Type"],
            "external tables",
        ),
        (b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nc\r\n--x--', FORM["Content-Type"], "UTF-8"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--', FORM["Content-Type"], "UTF-8"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_in_words(body: bytes, content_type: str, why: str) -> None:
    """And nothing of it is run."""
    with pytest.raises(RefusedRequestError, match=why):
        form_fields(body, content_type)


@given(st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters='\r\n"\\')), st.text(max_size=50)))
def test_what_a_form_holds_is_what_is_read(fields: dict[str, str]) -> None:
    """Of any texts."""
    assert form_fields(form(*fields.items()), FORM["Content-Type"]) == fields


def test_names_may_be_bare_or_have_escaped_quotes() -> None:
    """Go escapes a quote, curl and some scripts write none."""
    body = (
        b'--x\r\nContent-Type: text/plain\r\ncontent-disposition: FORM-DATA; name="a\\"\\\\b"\r\n\r\n1\r\n'
        b"--x\r\nContent-Disposition: form-data; name=c\r\n\r\n2\r\n--x--\r\nepilogue"
    )
    assert form_fields(b"preamble\r\n" + body, 'multipart/form-data; charset=utf-8; boundary="x"') == {
        'a"\\b': "1",
        "c": "2",
    }


# --- addresses and bodies ---------------------------------------------------------------------------------------------


def test_an_address_of_very_many_parameters_is_refused(running: Running) -> None:
    """Half a million of them fit into a megabyte."""
    with urllib3.HTTPConnectionPool("127.0.0.1", urlsplit(running.url).port) as pool:
        reply = pool.request("GET", "/?" + "&a" * 400_000, retries=False)

    assert (reply.status, b"1000 parameters" in reply.data) == (413, True)


def test_a_body_announced_too_large_is_not_waited_for(running: Running) -> None:
    """Its sender has the answer before it has sent a byte, also one that asks first."""
    for more in (b"", b"Expect: 100-continue\r\n"):
        with connected(running) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more + b"Content-Length: 2000000\r\n\r\n")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_waits_for_leave_gets_it(running: Running) -> None:
    """curl sends a large body only then."""
    with connected(running) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n")
        assert client.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"SELECT 1")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_a_statement_with_letters_that_grow_in_capitals_is_cut_before_format(running: Running) -> None:
    """ß has two capitals: a place found in the capitals of a text is not a place of the text."""
    assert _statement({}, {}, bytearray("INSERT INTO `straße` FORMAT CSV\n1\n".encode()), 100) is not None
    read = _statement({}, {}, bytearray("INSERT INTO `ßß` FORMAT CSV\n1\n".encode()), 100)

    assert read is not None
    assert (read.statement, read.data_format, read.data) == ("INSERT INTO `ßß` ", "CSV", b"1\n")


@given(
    st.dictionaries(
        st.sampled_from(["query", "database", "default_format", "client_protocol_version", "param_x", "max_threads"]),
        st.text(st.characters(codec="utf-8"), max_size=30) | st.just("9" * 5_000) | st.just("²"),
    ),
    st.dictionaries(
        st.sampled_from(["Content-Type", "Content-Encoding", "X-ClickHouse-Database", "X-ClickHouse-Format"]),
        st.binary(max_size=40).map(lambda raw: raw.decode(errors="surrogateescape"))
        | st.sampled_from(["multipart/form-data", "multipart/form-data; boundary=x", "gzip", "lz4", "identity"]),
    ),
    st.binary(max_size=100) | st.just(form(("query", "SELECT 1"))),
)
def test_no_request_raises_anything_else(options: dict[str, str], headers: dict[str, str], body: bytes) -> None:
    """Any parameters, headers and body: a statement that can be sent on, or a refusal that can be written."""
    try:
        read = _statement(options, headers, bytearray(body), 1000)
    except (RefusedRequestError, UnreadableBodyError) as refused:
        str(refused).encode()
    else:
        assert read is None or f"{read.statement}{read.database}{read.output_format}{read.settings}".encode()
