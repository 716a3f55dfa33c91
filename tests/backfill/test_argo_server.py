"""An argo-server over HTTP: pages, periods, and the remedy in the error for each wrong answer."""

import copy
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.backfill import argo_server
from collector.backfill.argo_server import ArchiveError, ArgoServer, Pace, slices
from collector.settings.model import ArchiveSettings
from tests.backfill.argo import Archive, finished
from tests.builders import HOUR

EVER = (0, 2_000_000_000_000)


def an_archive(**changes: Any) -> Archive:
    return Archive(copy.deepcopy(finished("basics")), **changes)


async def answer_of(archive: Archive, ask: Callable[[ArgoServer], Awaitable[Any]], **settings: Any) -> Any:
    """Returns what the client makes of the archive's answers."""
    async with archive.serving(), ArgoServer(archive.settings(**settings), Pace(10_000)) as server:
        return await ask(server)


async def everything(server: ArgoServer) -> Any:
    return await server.finished(*EVER)


async def test_pages_are_followed_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in pages gives each workflow once, with the time of its end."""
    monkeypatch.setattr(argo_server, "PAGE", 4)
    archive = an_archive()
    listed = await answer_of(archive, everything)

    assert {one.uid for one in listed} == archive.workflows.keys()
    assert len(listed) == len(archive.workflows) > 4
    assert len(archive.requests) == -(-len(listed) // 4)


async def test_both_ends_of_a_period_are_in_it() -> None:
    """Argo's versions differ in whether a bound is within; a workflow on the bound is listed."""
    archive = an_archive()
    listed = await answer_of(archive, everything)
    first = min(one.started_at for one in listed)
    at_begin = await answer_of(archive, lambda server: server.finished(first, first + HOUR))
    at_end = await answer_of(archive, lambda server: server.finished(first - HOUR, first))

    assert first in {one.started_at for one in at_begin}
    assert first in {one.started_at for one in at_end}


async def test_an_empty_archive_has_no_items() -> None:
    """Argo sends null for an empty list."""
    assert await answer_of(Archive({}), everything) == []


async def test_a_workflow_comes_whole_or_not_at_all() -> None:
    """A uid that is not archived is None, and an invalid uid is not requested."""
    archive = an_archive()
    uid = next(iter(archive.workflows))

    async def three(server: ArgoServer) -> Any:
        return [await server.workflow(one) for one in (uid, "00000000-0000", "../secrets")]

    whole, absent, never = await answer_of(archive, three)
    assert uid.encode() in whole
    assert (absent, never) == (None, None)
    assert len(archive.requests) == 2


async def test_the_token_is_sent_and_read_again(tmp_path: Path) -> None:
    """A bearer token of a file, which may have been exchanged by the next connection."""
    archive, token = an_archive(token="secret"), tmp_path / "token"
    token.write_text("old\n")
    with pytest.raises(ArchiveError, match=r"does not accept our token \(401\); renew what archive.token_file holds"):
        await answer_of(archive, everything, token_file=str(token))
    token.write_text("Bearer secret\n")

    assert await answer_of(archive, everything, token_file=str(token))


def html(request: web.Request) -> web.Response:
    return web.Response(text="<html>sign in</html>", content_type="text/html")


def circle(request: web.Request) -> web.Response:
    return web.json_response({"items": [], "metadata": {"continue": "0"}})


WRONG: dict[str, tuple[Callable[[web.Request], web.Response], str, str]] = {
    "403": (
        lambda r: web.json_response({"message": "no"}, status=403),
        "forbidden",
        r"refuses \(403\): no; let the token",
    ),
    "404": (lambda r: web.Response(text="404 page not found", status=404), "missing", "base path"),
    "html": (html, "unusable", "answered 200 with text/html.*sign in"),
    "redirect": (lambda r: web.Response(status=302, headers={"Location": "/"}), "unusable", "answered 302"),
    "500": (lambda r: web.json_response({"message": "db"}, status=500), "server", r"failed \(500\): db; see the argo"),
    "502": (lambda r: web.Response(text="bad\x00 gateway", status=502), "server", r"failed \(502\): bad gateway"),
    "no list": (lambda r: web.json_response([]), "unusable", "no list of workflows"),
    "circle": (circle, "unusable", "goes in circles"),
}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_a_wrong_answer_names_the_address_and_the_remedy(wrong: str) -> None:
    """Whatever is answered but a list is an error of one sentence, under one of few words."""
    answer, reason, words = WRONG[wrong]
    archive = an_archive(refuse=answer)
    with pytest.raises(ArchiveError, match=words) as refused:
        await answer_of(archive, everything)

    assert refused.value.reason == reason
    assert str(refused.value).startswith(f"{archive.url}/api/v1/archived-workflows: ")
    assert reason in argo_server.REASONS


async def test_a_request_that_failed_once_is_repeated() -> None:
    """A single failure is not an error."""
    failures = [web.json_response({}, status=503)]
    archive = an_archive(refuse=lambda request: failures.pop() if failures else None)

    assert await answer_of(archive, everything)


@pytest.mark.parametrize("bound", ["ANSWER_BYTES", "MOST_VALUES"])
async def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    """One that never ends is given up, and costs no more than the bound."""
    monkeypatch.setattr(argo_server, bound, 500)
    with pytest.raises(ArchiveError, match="larger than") as refused:
        await answer_of(an_archive(), everything)

    assert refused.value.reason == "too_large"


async def test_a_dead_server_is_an_error() -> None:
    """The error says that the server does not answer."""
    server = ArgoServer(ArchiveSettings(url="http://127.0.0.1:1"), Pace(10_000))
    async with server:
        with pytest.raises(ArchiveError, match="does not answer") as refused:
            await everything(server)

    assert refused.value.reason == "connection"


async def test_plain_http_behind_https_is_a_connection_trouble() -> None:
    """TLS that does not come about says so."""
    archive = an_archive()
    async with archive.serving():
        address = ArchiveSettings(url=archive.url.replace("http:", "https:"))
        async with ArgoServer(address, Pace(10_000)) as server:
            with pytest.raises(ArchiveError, match=r"TLS|does not answer"):
                await everything(server)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"token_file": "absent"}, "absent: No such file.*holds the token"),
        ({"token_file": "empty"}, "empty: is empty"),
        ({"token_file": "binary"}, "binary: is not text"),
        ({"ca_file": "absent"}, "absent: No such file.*authority"),
        ({"ca_file": "empty"}, "empty: .*authority"),
    ],
    ids=str,
)
async def test_files_that_cannot_be_used_are_named(tmp_path: Path, files: dict[str, str], words: str) -> None:
    """A missing or empty token or authority is an error of the settings."""
    (tmp_path / "empty").write_text("")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    chosen: dict[str, Any] = {key: str(tmp_path / name) for key, name in files.items()}
    with pytest.raises(ArchiveError, match=words) as refused:
        async with ArgoServer(ArchiveSettings(url="https://argo.test", **chosen)):
            pass

    assert refused.value.reason == "settings"


async def test_certificates_are_checked_unless_allowed() -> None:
    """allow_insecure alone turns the check off."""
    checked, unchecked = (
        argo_server._tls(ArchiveSettings(url="https://argo.test", allow_insecure=allowed)) for allowed in (False, True)
    )

    assert checked.check_hostname
    assert not unchecked.check_hostname


def test_a_period_is_listed_in_hours() -> None:
    """The parts cover it without a hole; an empty one has none."""
    parts = list(slices(10, 10 + 5 * HOUR // 2))

    assert [end - begin for begin, end in parts] == [HOUR, HOUR, HOUR // 2]
    assert [end for _, end in parts[:-1]] == [begin for begin, _ in parts[1:]]
    assert list(slices(10, 10)) == []


async def test_requests_are_spread() -> None:
    """A hundred a second need a hundredth of a second each."""
    pace = Pace(100)
    for _ in range(3):
        await pace.wait()

    assert pace._next_at > 0
