"""The headers of a proxy that signs people in: whose they are, and what their groups may read."""

from ipaddress import ip_network

import pytest

from collector.access.entrance import NO_TOKEN, Entrance
from collector.access.proxy import LONGEST_NAME, Headers, Refusal, TrustedProxy
from collector.access.scope import ALL, Visitor, of_departments

PROXY = TrustedProxy(
    networks=(ip_network("10.0.3.0/24"), ip_network("fd00::/64")),
    user_header=b"x-forwarded-user",
    groups_header=b"x-forwarded-groups",
    groups={"finance": ["*"], "autonomy-leads": ["autonomy"], "map-leads": ["maps", "navigation"]},
)
ENTRANCE = Entrance(proxy=PROXY)


def person(user: bytes, *groups: bytes) -> Headers:
    return [(b"x-forwarded-user", user), *((b"x-forwarded-groups", line) for line in groups)]


@pytest.mark.parametrize(
    ("groups", "scope"),
    [
        (b"autonomy-leads", of_departments(["autonomy"])),
        (b"autonomy-leads, map-leads,unknown", of_departments(["autonomy", "maps", "navigation"])),
        (b"map-leads,finance", ALL),
    ],
)
def test_groups_give_their_departments_together(groups: bytes, scope: object) -> None:
    """One of several may read everything."""
    assert ENTRANCE.visitor(person(b"ada", groups), "10.0.3.7") == Visitor("ada", scope, "proxy")  # type: ignore[arg-type]


@pytest.mark.parametrize("groups", [(), (b"",), (b"unknown",), (b"finance autonomy-leads",)])
def test_a_person_in_no_named_group_reads_nothing(groups: tuple[bytes, ...]) -> None:
    """403 with the remedy: the person is known."""
    found = ENTRANCE.visitor(person(b"ada", *groups), "10.0.3.7")

    assert isinstance(found, Refusal)
    assert (found.status, "access.proxy.groups" in found.remedy) == (403, True)


@pytest.mark.parametrize("peer", ["10.0.4.1", "127.0.0.1", "fd01::1", "", "unix:", "10.0.3.7.evil"])
def test_headers_from_elsewhere_are_ignored(peer: str) -> None:
    """Anybody can write them."""
    assert ENTRANCE.visitor(person(b"ada", b"finance"), peer) == NO_TOKEN


@pytest.mark.parametrize("peer", ["10.0.3.7", "::ffff:10.0.3.7", "fd00::5"])
def test_the_proxy_is_known_by_each_form_of_its_address(peer: str) -> None:
    """A listener on :: has addresses of IPv4 in those of IPv6."""
    assert ENTRANCE.visitor(person(b"ada", b"finance"), peer) == Visitor("ada", ALL, "proxy")


@pytest.mark.parametrize(
    "headers",
    [
        [*person(b"ada", b"finance"), (b"x-forwarded-user", b"eve")],
        person(b"ada", b"finance", b"autonomy-leads"),
        person(b"a\x1b[2Jda", b"finance"),
        person(b"a" * (LONGEST_NAME + 1), b"finance"),
    ],
)
def test_what_is_unclear_is_refused(headers: Headers) -> None:
    """A second line may be the person's own, which the proxy passed on."""
    found = ENTRANCE.visitor(headers, "10.0.3.7")

    assert isinstance(found, Refusal)
    assert (found.status, bool(found.remedy)) == (400, True)


@pytest.mark.parametrize("user", [b"", b"  "])
def test_without_a_name_the_token_counts(user: bytes) -> None:
    """A program's request comes through the proxy too."""
    assert ENTRANCE.visitor(person(user, b"finance"), "10.0.3.7") == NO_TOKEN
    assert ENTRANCE.visitor([], "10.0.3.7") == NO_TOKEN


def test_a_name_may_be_in_any_script() -> None:
    """As the proxy sends it: in UTF-8."""
    found = ENTRANCE.visitor(person("王伟".encode(), b"finance"), "10.0.3.7")

    assert found == Visitor("王伟", ALL, "proxy")
