"""Tokens of readers at the store's door: scopes, what a refusal says, and files that change while the store runs."""

import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3

from collector.access.tokens import TokenEntry, hash_of, make_token, write_tokens
from collector.store.schema.migrate import migrate
from tests.processes import until
from tests.store.running import Running, ask, start

ALL, MAPS, METRICS, ENDED = (make_token() for _ in range(4))
HOSTILE = (
    "x' OR '1'='1",
    "x\\",
    "x\\'",
    "'); DROP TABLE lynceus.pod_cost; --",
    "{x:String}",
    "%(x)s",
    "$$x$$",
    "x' UNION ALL",
    "''",
    "\\'",
    "`x`",
    '"x"',
    "x\n",
    "x\r\nX-ClickHouse-User: lynceus",
    "x\x00y",
    "\ufeffx",
    "x--",
    "x/*",
    "*/x",
    "#x",
    ";",
    "x', 'maps",
    "maps') OR ('1'='1",
    "'}",
    "{'lynceus.pod_cost': '1'}",
    "x', 'lynceus.pod_cost': '1",
    "\\\\'",
    "\\x27",
    "’ OR 1",
    "＇ OR 1",
    "x\u2028y",
    "\u202ex",
    "м",
    "maps ",
    " maps",
    "MAPS",
    "ma%s",
    "ma_s",
    "%",
    "_",
    "^",
    "in(1)",
    "1",
    "0",
    "NULL",
    "NaN",
    "true",
    "[]",
    "()",
    "()'",
    "\\n",
    "\t",
    "\\0",
    "\\b",
    "<script>",
    "=1+1",
    "${x}",
    "{{x}}",
    "$(x)",
    "ma.s",
    "x'; --",
    "x' AND 0 OR '",
    "')) OR 1 --",
    "x\\\\",
    "a'b'c",
    "?",
    "*",
    "x" * 1000,
)
"""Names of departments that could end the text in which the predicate names them."""


class Door(NamedTuple):
    """A store that listens beyond loopback, and its file of tokens."""

    store: Running
    file: Path


def entries() -> list[TokenEntry]:
    today = datetime.now(UTC).date()
    return [
        TokenEntry("grafana", hash_of(ALL), scope="all", expires=today + timedelta(days=1)),
        TokenEntry("maps", hash_of(MAPS), departments=("maps",)),
        TokenEntry("prometheus", hash_of(METRICS), scope="metrics"),
        TokenEntry("old", hash_of(ENDED), scope="all", expires=today),
    ]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    file = folder / "tokens.yaml"
    file.write_bytes(write_tokens(entries()))
    store = start(folder, "0.0.0.0:0", token_files=[file])
    writer = store.writer()
    migrate(writer)
    writer.close()
    for department in ("maps", "vision"):
        columns = f"(department, cluster, run, cost) VALUES ('{department}', 'c', 1, 7)"
        assert ask(store, f"INSERT INTO lynceus.pod_cost {columns}", user="lynceus", key=store.token()).status == 200
    yield Door(store, file)
    assert store.stop() == 0


def status(door: Door, token: str) -> int:
    return ask(door.store, "SELECT 1", user="default", key=token).status


def test_every_way_to_send_a_token(door: Door) -> None:
    """Drivers send a password as they like; programs of today send a bearer token."""
    port = int(door.store.address.split(":")[1])
    basic = urllib3.make_headers(basic_auth=f"default:{MAPS}")
    for headers in (basic, {"Authorization": f"Bearer {MAPS}"}, {"X-ClickHouse-Key": MAPS}):
        assert ask(door.store, "SELECT count() FROM pod_cost", headers=dict(headers)).text == "1\n"
    with urllib3.HTTPConnectionPool("127.0.0.1", port) as pool:
        assert pool.request("POST", f"/?password={MAPS}", body=b"SELECT count() FROM pod_cost").data == b"1\n"


@pytest.mark.parametrize(
    ("token", "code", "words"),
    [
        ("", "194", "readers need a token"),
        (ENDED, "516", "may have ended"),
        (make_token(), "516", "AUTHENTICATION_FAILED"),
        ("x" * 5_000, "516", "AUTHENTICATION_FAILED"),
        (METRICS, "497", "for metrics alone"),
    ],
    ids=["none", "ended", "unknown", "long", "metrics"],
)
def test_a_refusal_has_a_remedy(door: Door, token: str, code: str, words: str) -> None:
    """401 for one without a token, with how to send it; 403 for a token that does not open the store."""
    reply = ask(door.store, "SELECT 1", headers={"Authorization": f"Bearer {token}"} if token else {})

    assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (403 if token else 401, code)
    assert reply.headers.get("WWW-Authenticate", "").startswith("Basic " if not token else "")
    assert words in reply.text
    assert token == "" or token not in reply.text


def test_a_scope_decides_which_rows_are_read(door: Door) -> None:
    """The request cannot change it."""
    query = "SELECT department FROM pod_cost ORDER BY department"
    assert ask(door.store, query, user="default", key=ALL).text == "maps\nvision\n"
    assert ask(door.store, query, user="default", key=MAPS).text == "maps\n"
    for name in ("additional_table_filters", "use_primary_key", "max_rows_to_read", "readonly"):
        chosen: dict[str, Any] = {name: "1"}
        assert ask(door.store, query, user="default", key=MAPS, **chosen).status == 500
    assert ask(door.store, query, user="default", key=MAPS, max_result_rows="5").text == "maps\n"
    assert ask(door.store, "INSERT INTO pod_cost (cluster) VALUES ('x')", user="default", key=MAPS).status == 500


def test_nothing_is_parsed_before_the_token_is_known(door: Door) -> None:
    """Who has none is refused by the head alone: the body is neither read nor waited for."""
    host, port = "127.0.0.1", int(door.store.address.split(":")[1])
    with socket.create_connection((host, port), timeout=10) as stranger:
        stranger.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 401 ")


def test_tokens_change_while_the_store_runs(door: Door) -> None:
    """A new token opens the store and a withdrawn one no longer, within seconds; a file with a mistake changes nothing."""
    new, before = make_token(), door.file.read_bytes()
    assert status(door, new) == 403
    door.file.write_bytes(write_tokens([*entries()[1:], TokenEntry("new", hash_of(new), scope="all")]))
    until(lambda: status(door, new) == 200 and status(door, ALL) == 403, 20, "the new token counts")
    door.file.write_text("tokens: [{name: x}]", encoding="utf-8")
    assert status(door, new) == 200
    door.file.unlink()
    until(lambda: status(door, new) == 403, 20, "a file that is gone has no token")
    door.file.write_bytes(before)
    until(lambda: status(door, ALL) == 200, 20, "the file is back")


def test_a_department_may_have_any_name(door: Door) -> None:
    """No name ends the text of the predicate: each reads no row, and the statement stays what it is."""
    tokens = {name: make_token() for name in HOSTILE}
    more = [TokenEntry("hostile", hash_of(token), departments=(name,)) for name, token in tokens.items()]
    before = door.file.read_bytes()
    door.file.write_bytes(write_tokens([*entries(), *more]))
    until(lambda: status(door, tokens[HOSTILE[-1]]) == 200, 20, "the tokens count")
    for name, token in tokens.items():
        reply = ask(door.store, "SELECT count() FROM pod_cost", user="default", key=token)
        assert (reply.status, reply.text) == (200, "0\n"), (name, reply.text)
        bound = ask(
            door.store,
            "SELECT count() FROM pod_cost WHERE department = {x:String}",
            user="default",
            key=MAPS,
            param_x=name,
        )
        assert (bound.text, "vision" in bound.text) == ("0\n", False) or bound.status == 500, (name, bound.text)
        assert ask(door.store, "SELECT 1", password=name).status in {401, 403}
    door.file.write_bytes(before)


def test_clickhouse_go_reads_from_another_address(goclient: Path, door: Door) -> None:
    """Grafana's driver with a token, by an address of this machine that is not loopback."""
    host = socket.gethostbyname(socket.gethostname())
    address = f"{host}:{door.store.address.split(':')[1]}"
    for token, total in ((ALL, "7"), (MAPS, "0")):
        done = subprocess.run(
            [goclient, address], capture_output=True, text=True, check=False, timeout=60, env={"LYNCEUS_TOKEN": token}
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["total"] == total
    refused = subprocess.run([goclient, address], capture_output=True, text=True, check=False, timeout=60, env={})
    assert (refused.returncode, "readers need a token" in refused.stderr) == (1, True)
