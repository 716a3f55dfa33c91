"""Who may read and write the embedded store: users, tokens, and the addresses that it listens on."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from collector.store.embedded.token import TokenFileError, read_or_make_token
from tests.store.running import Running, ask, piped, ready, spawn, start


@pytest.mark.parametrize(
    ("user", "key"),
    [("lynceus", ""), ("lynceus", "wrong"), ("admin", ""), ("lynceus", "ü")],
    ids=["none", "wrong", "other", "odd"],
)
def test_only_the_token_makes_a_writer(user: str, key: str, running: Running) -> None:
    """A user named as the writer without the writer's token is refused, even as a reader."""
    reply = ask(
        running, "SELECT 1", headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": key.encode().decode("latin-1")}
    )

    assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (403, "516")


def test_basic_authentication_and_query_parameters_are_understood(running: Running) -> None:
    """Drivers use either; an unreadable header is refused."""
    basic = urllib3.make_headers(basic_auth=f"lynceus:{running.token()}")

    assert ask(running, "SELECT getSetting('readonly')", headers=dict(basic)).text == "0\n"
    assert ask(running, "SELECT 1", headers={"Authorization": "Basic ?"}).status == 403
    with urllib3.HTTPConnectionPool("127.0.0.1", urlsplit(running.url).port) as pool:
        path = f"/?user=lynceus&password={running.token()}"
        assert pool.request("POST", path, body=b"SELECT getSetting('readonly')").data == b"0\n"


def test_a_web_page_cannot_reach_the_open_reader(running: Running) -> None:
    """A page whose name was made to point to 127.0.0.1 still sends its own Host."""
    reply = ask(running, "SELECT 1", headers={"Host": "attacker.example"})

    assert reply.status == 403


def test_a_reader_needs_a_token_where_others_can_reach_the_store(tmp_path: Path) -> None:
    """Beyond loopback the store does not start without one, and with one it asks for it."""
    process = spawn(tmp_path / "chdb", tmp_path / "token", "0.0.0.0:0")
    _, message = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "readers need a token" in message

    running = start(tmp_path, "0.0.0.0:0", tmp_path / "reader.token")
    reader = (tmp_path / "reader.token").read_text(encoding="ascii")
    assert ask(running, "SELECT 1").status == 401
    assert ask(running, "SELECT 1", user="default", key=reader).status == 200
    assert ask(running, "CREATE DATABASE x", user="default", key=reader).status == 500
    assert running.stop() == 0


def test_the_command_serves_other_hosts_with_a_readers_token(tmp_path: Path) -> None:
    """`lynceus store` takes the option that its own error demands, and its readers then need the token."""
    command = (
        "-m",
        "collector",
        "store",
        "--path",
        str(tmp_path / "chdb"),
        "--listen",
        "0.0.0.0:0",
        "--until-stdin-closes",
    )
    refused = piped(*command)
    _, message = refused.communicate(timeout=20)
    assert refused.returncode == 1
    assert "--reader-token-file of `lynceus store`" in message

    served = piped(*command, "--reader-token-file", str(tmp_path / "reader.token"))
    running = ready(served, tmp_path / "chdb", tmp_path / "chdb.token")
    reader = (tmp_path / "reader.token").read_text(encoding="ascii")
    assert ask(running, "SELECT 1").status == 401
    assert ask(running, "SELECT 1", user="default", key=reader).status == 200
    assert ask(running, "SELECT getSetting('readonly')", user="lynceus", key=running.token()).text == "0\n"
    assert running.stop() == 0


def test_the_token_is_its_owners_alone(tmp_path: Path) -> None:
    """Made 0600, kept over restarts, and refused once others may read it."""
    file = tmp_path / "store.token"
    made = read_or_make_token(file)

    assert len(made) >= 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_or_make_token(file) == made
    file.chmod(0o640)
    with pytest.raises(TokenFileError, match="chmod 600"):
        read_or_make_token(file)
    file.write_text("short", encoding="ascii")
    file.chmod(0o600)
    with pytest.raises(TokenFileError, match="no token"):
        read_or_make_token(file)
