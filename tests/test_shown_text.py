"""What people see of the texts of others: no password, and no command to their terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.shown_text import in_json, on_one_line, printable, redact, redact_url


@pytest.mark.parametrize(
    "text",
    [
        "404, message='Not Found', url='http://user:s3cr3t@127.0.0.1:9699'",
        "cannot reach https://user:s3cr3t@host/path",
        'cannot reach "https://user:p@s3cr3t@host/path"',
        "http://us'er:s3cr3t@host and http://host",
        "http://user:a/s3cr3t@host",
        "clickhouse://s3cr3t@host",
        "http://host/?user=me&password=s3cr3t&x=1",
        "http://host/?X-Amz-Signature=s3cr3t",
        "http://host/a?access_token=s3cr3t",
        "Authorization: Bearer s3cr3t-s3cr3t",
        "Proxy-Authorization: Basic s3cr3ts3cr3t==",
    ],
)
def test_no_password_is_shown(text: str) -> None:
    """Wherever a library or a server quotes it; the rest of the text stays."""
    shown = redact(text)

    assert "s3cr3t" not in shown
    assert "…" in shown
    assert ("host" in shown) == ("host" in text)


@pytest.mark.parametrize("text", ["", "http://host:1/a?b=c", "me@example.com", "a basic thing", "x = 5; y://z"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    """An address without a password is shown whole."""
    assert redact(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(min_size=1))
def test_a_url_is_shown_without_its_user(user: str, password: str) -> None:
    """Whatever characters they are made of, spaces and quotes too."""
    assert redact_url(f"http://{user}:{password}zz9@host:1/x") == "http://…@host:1/x"


@given(st.text())
def test_nothing_shown_commands_a_terminal(text: str) -> None:
    """No escape, no bell, no change of the writing direction; line breaks only where the text has lines."""
    for shown in (printable(text), on_one_line(text)):
        assert not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in shown)
        assert not set(shown) & set("\u202e\u2066\u200f\u2028")
        shown.encode()
    assert len(on_one_line(text).splitlines()) <= 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_keeps_its_values(text: str) -> None:
    """JSON has escapes of its own."""
    assert json.loads(in_json(json.dumps([text], ensure_ascii=False))) == [text]
