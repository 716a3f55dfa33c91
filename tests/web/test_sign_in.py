"""The sign-in page: over plain connections, and in a browser."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from selenium.webdriver import Chrome

from collector.web.sign_in import ELSEWHERE, MOST_BYTES, NOT_FOR_PEOPLE, TOO_LONG, WRONG, way_back
from tests.web.browser import Page
from tests.web.doors import ALL, ENDS, MAPS, METRICS, OVER, an_app, an_entrance, ask, bearing
from tests.web.doors import WRONG as UNKNOWN
from tests.web.history import Store, a_workflow
from tests.web.serving import Answer, serving

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(an_app(an_entrance(tmp_path_factory.mktemp("tokens")), Store(a_workflow()))) as at:
        yield at


def sign_in(address: str, token: str, to: str = "/workflows?name=a%2Fb", **headers: str) -> Answer:
    return ask(address, "POST", "/sign-in", FORM | headers, urlencode({"token": token, "to": to}).encode())


def flags(answer: Answer) -> dict[str, str]:
    """The parts of the cookie that an answer sets."""
    pairs = [part.strip().partition("=") for part in answer.headers["set-cookie"].split(";")]
    return {name.lower(): value for name, _, value in pairs}


def test_a_token_becomes_a_cookie_that_scripts_do_not_see(address: str) -> None:
    """For links from Grafana to work it is sent with them; other sites' forms and scripts do not send it."""
    answer = sign_in(address, MAPS)
    found = flags(answer)

    assert (answer.status, answer.headers["location"]) == (303, "/workflows?name=a%2Fb")
    assert found["lynceus_token"] == MAPS
    assert {"httponly", "samesite", "path", "max-age"} <= found.keys()
    assert (found["samesite"], found["path"], int(found["max-age"])) == ("lax", "/", 30 * 86_400)
    assert "secure" not in found
    assert "domain" not in found
    assert ask(address, "GET", "/", {"cookie": f"lynceus_token={MAPS}"}).status == 200


@pytest.mark.parametrize(
    "headers", [{"x-forwarded-proto": "https"}, {"origin": "https://HOST", "sec-fetch-site": "same-origin"}]
)
def test_over_tls_the_cookie_is_for_tls_alone(address: str, headers: dict[str, str]) -> None:
    """A proxy before the server may end TLS: its header or the browser's Origin says so."""
    assert "secure" in flags(sign_in(address, MAPS, **headers))


def test_the_cookie_does_not_outlive_the_token(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor thirty days."""
    monkeypatch.setattr("collector.web.sign_in.KEPT_S", 10**12)
    kept = int(flags(sign_in(address, ALL))["max-age"])

    end = datetime(ENDS.year, ENDS.month, ENDS.day, tzinfo=UTC)
    assert abs(kept - (end - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize("token", ["", UNKNOWN, OVER, "x" * 2000, "a b;c", "\udcff"])
def test_a_wrong_token_is_one_sentence(address: str, token: str) -> None:
    """The form is there again, and so is the way back. Nothing of the token is shown."""
    body = f"token={quote(token.encode(errors='surrogateescape'))}&to=/metrics".encode()
    answer = ask(address, "POST", "/sign-in", FORM, body)
    page = answer.body.decode()

    assert (answer.status, "set-cookie" in answer.headers) == (401, False)
    assert WRONG in page
    assert 'value="/metrics"' in page
    assert not token or token not in page


def test_a_token_of_metrics_is_not_for_people(address: str) -> None:
    """Each page would be refused."""
    answer = sign_in(address, METRICS)

    assert (answer.status, "set-cookie" in answer.headers) == (403, False)
    assert NOT_FOR_PEOPLE in answer.body.decode()


@pytest.mark.parametrize("body", [b"token=" + b"x" * MOST_BYTES, b"&".join([b"a=b"] * 100)])
def test_a_form_is_bounded(address: str, body: bytes) -> None:
    """In bytes and in fields."""
    answer = ask(address, "POST", "/sign-in", FORM, body)

    assert answer.status == 413
    assert TOO_LONG in answer.body.decode()


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
    ],
)
def test_forms_of_other_sites_are_refused(address: str, path: str, headers: dict[str, str]) -> None:
    """They would sign somebody in as another, or out."""
    answer = ask(address, "POST", path, FORM | headers, f"token={MAPS}".encode())

    assert (answer.status, "set-cookie" in answer.headers) == (403, False)
    assert ELSEWHERE in answer.body.decode()


def test_forms_of_this_site_are_taken(address: str) -> None:
    """By browsers that send no Sec-Fetch-Site too, as they do to plain http."""
    for headers in ({"origin": address}, {"sec-fetch-site": "same-origin"}, {}):
        assert sign_in(address, MAPS, **headers).status == 303


@pytest.mark.parametrize(
    ("to", "way"),
    [
        ("/workflows/a%2Fb?rows=1", "/workflows/a%2Fb?rows=1"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
        ("/sign-in?to=/", "/"),
        ("/ü", "/"),
    ],
)
def test_signing_in_leads_to_this_server_alone(address: str, to: str, way: str) -> None:
    """Else a link to this page would lead to a page of somebody else that looks like it."""
    assert way_back(to) == way
    assert sign_in(address, MAPS, to).headers["location"] == way
    page = ask(address, "GET", f"/sign-in?to={quote(to)}").body.decode()
    assert f'name="to" type="hidden" value="{way}"' in page


def test_signing_out_deletes_the_cookie(address: str) -> None:
    """With the flags that it was set with."""
    answer = ask(address, "POST", "/sign-out", {"cookie": f"lynceus_token={MAPS}"})
    found = flags(answer)

    assert (answer.status, answer.headers["location"]) == (303, "/sign-in")
    assert (found["lynceus_token"], found["max-age"], found["path"]) == ('""', "0", "/")


@pytest.mark.parametrize("path", ["/", "/workflows", "/workflows/w1", "/workflows/none", "/sign-in"])
@pytest.mark.parametrize(("token", "name"), [(MAPS, "maps-lead"), (ALL, "operator")])
def test_each_page_shows_who_is_signed_in(address: str, path: str, token: str, name: str) -> None:
    """With the way out."""
    page = ask(address, "GET", path, bearing(token)).body.decode()

    assert f">{name}</" in page
    assert 'action="/sign-out"' in page


def test_a_person_signs_in_and_out(chrome: Chrome, address: str) -> None:
    """From a page that they wanted and back to it, without a violation of the page's own policy."""
    page = Page(chrome, f"{address}/workflows/w1")
    chrome.delete_all_cookies()
    chrome.get(f"{address}/workflows/w1")
    page.shows("h1", "Sign in")
    chrome.find_element("css selector", "input[name=token]").send_keys(UNKNOWN)
    chrome.find_element("css selector", ".sign-in button").click()
    page.shows(".banner", WRONG)
    chrome.find_element("css selector", "input[name=token]").send_keys(MAPS)
    chrome.find_element("css selector", ".sign-in button").click()
    page.shows("h1", "w1")
    page.shows(".visitor", "maps-lead")
    cookie = chrome.get_cookie("lynceus_token")
    assert cookie is not None
    assert (cookie["value"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (MAPS, True, "Lax", "/")
    assert page.run("return document.cookie") == ""
    chrome.get(address)
    page.shows("h1", "maps")
    assert page.faint_texts() == []
    chrome.find_element("css selector", ".visitor button").click()
    page.shows("h1", "Sign in")
    assert chrome.get_cookie("lynceus_token") is None
    assert [line for line in page.console() if "status of 401" not in line] == []


def test_the_live_page_works_with_the_cookie(chrome: Chrome, address: str, tmp_path: Path) -> None:
    """Its scripts ask with it too."""
    page = Page(chrome, f"{address}/sign-in")
    chrome.find_element("css selector", "input[name=token]").send_keys(ALL)
    chrome.find_element("css selector", ".sign-in button").click()
    page.shows("#pulse", "live")
    page.shows(".visitor", "operator")
    chrome.get("about:blank")
