"""Settings of who may read: what they permit beyond loopback, and mistakes that shut everybody out or let everybody in."""

import pytest

from collector.settings.load import parse_settings
from collector.settings.model import SettingsError

TOKENS = "access: {token_files: [tokens.yaml]}"


def problem(text: str) -> str:
    try:
        parse_settings(text.encode(), "s.yaml")
    except SettingsError as error:
        return str(error)
    return ""


def test_tokens_permit_addresses_beyond_loopback() -> None:
    """Pages and the embedded store alike."""
    assert not problem(f"{TOKENS}\nhttp: {{listen: '0.0.0.0:1'}}\nembedded: {{listen: '0.0.0.0:2'}}")


def test_a_proxy_opens_the_pages_alone() -> None:
    """It does not stand before the store."""
    proxy = "access: {proxy: {addresses: [10.0.0.1], groups: {finance: ['*']}}}"

    assert not problem(f"{proxy}\nhttp: {{listen: '0.0.0.0:1'}}")
    assert "embedded.listen" in problem(f"{proxy}\nembedded: {{listen: '0.0.0.0:2'}}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{TOKENS}\nhttp: {{open: true}}", "http.open: is set beside `access`"),
        (
            "access: {proxy: {addresses: [proxy], groups: {a: ['*']}}}",
            "access.proxy.addresses[0]: 'proxy' is not an address",
        ),
        (
            "access: {proxy: {addresses: [10.0.0.1/8], groups: {a: ['*']}}}",
            "'10.0.0.1/8' is not an address or a network",
        ),
        ("access: {proxy: {addresses: [10.0.0.1]}}", "access.proxy.groups: is empty, so everybody would be refused"),
        ("access: {proxy: {groups: {a: ['*']}}}", "access.proxy.addresses: is empty, so headers are ignored"),
        ("access: {proxy: {addresses: [10.0.0.1], groups: {a: []}}}", "access.proxy.groups.a: name departments"),
        ("access: {token_file: t}", "access.token_file: no such setting; did you mean `token_files`"),
        ("clusters: [{name: a, archive: {token_files: t}}]", "did you mean `token_file`?"),
    ],
)
def test_a_mistake_names_the_key_and_the_remedy(text: str, words: str) -> None:
    """A lock that would not hold, or a door without a key, is an error at the start."""
    assert words in problem(text)
