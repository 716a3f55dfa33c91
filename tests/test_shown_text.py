"""What people see of the texts of others: no password, and no command to their terminal."""

import json
import string
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.shown_text import LONGEST, in_json, on_one_line, printable, redact, redact_url

KEPT = [
    "store.password_file: /run/secrets/password: No such file",
    "password: is missing",
    "invalid token: unexpected end of the text",
    'secrets "x" is forbidden: User "system:serviceaccount:argo:lynceus" cannot list resource "secrets"',
    "image app:v1@sha256:abcdef and registry:5000/app@sha256:abcdef",
]
"""Texts that a person needs whole."""


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
        "authorization: token s3cr3t",
        "{'Authorization': 'Digest a=\"s3cr3t\"'}, host",
        "login at host failed password: s3cr3t",
        "host=host user=me password=s3cr3t dbname=x",
        "host=host password = 's3cr3t and s3cr3t'",
        "--token=s3cr3t --host=host",
        "AWS_SECRET_ACCESS_KEY=s3cr3t",
        '{"client-key-data": "s3cr3t", "server": "host"}',
        r'{"body": "{\"password\": \"s3cr3t\", \"server\": \"host\"}"}',
        r'{"password": "a\"s3cr3t", "server": "host"}',
        "users:\n- name: me\n  user:\n    client-key-data: s3cr3t\n    token: s3cr3t\nserver: host",
        "user:s3cr3t@host/db",
        "user:a/s3cr3t@tcp(host:3306)/db",
        "token eyJhbGciOiJS.eyJzdWIiOiJz.s3cr3t of host",
        "k8s-aws-v1.s3cr3ts3cr3t at host",
        "-----BEGIN EC PRIVATE KEY-----\ns3cr3t\n-----END EC PRIVATE KEY-----\nhost",
        "LS0tLS1CRUdJTis3cr3t",
    ],
)
def test_no_password_is_shown(text: str) -> None:
    """Wherever a library or a server quotes it; the rest of the text stays, and what is left has nothing more to hide."""
    assert redact(redact(text)) == redact(text)
    shown = redact(text)

    assert "s3cr3t" not in shown
    assert "…" in shown
    assert ("host" in shown) == ("host" in text)


@pytest.mark.parametrize("text", ["", "http://host:1/a?b=c", "me@example.com", "a basic thing", "x = 5; y://z", *KEPT])
def test_other_texts_stay_as_they_are(text: str) -> None:
    """An address without a password is shown whole."""
    assert redact(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(min_size=1))
def test_a_url_is_shown_without_its_user(user: str, password: str) -> None:
    """Whatever characters they are made of, spaces and quotes too."""
    assert redact_url(f"http://{user}:{password}zz9@host:1/x") == "http://…@host:1/x"


SECRETS = st.text(string.ascii_letters + string.digits + "-_.~+/", min_size=8, max_size=40).map(
    lambda text: f"zz9{text}"
)
FORMS = (
    "https://me:{}@host/x",
    "https://host/x?password={}&y=1",
    "Authorization: Bearer {}",
    "Authorization: ApiKey {}",
    "password={}",
    "password = '{}'",
    "    token: {}",
    '{{"client-key-data": "{}"}}',
    "me:{}@tcp(host:3306)/db",
)


@given(SECRETS, st.sampled_from(FORMS), st.text(st.sampled_from(" \nab:")), st.text(st.sampled_from(" \nab:")))
def test_no_form_shows_its_secret(secret: str, form: str, before: str, after: str) -> None:
    """Whatever lines stand before and after."""
    assert secret not in redact(f"{before}\n{form.format(secret)}\n{after}")


PIECES = (
    "://",
    "a:b,",
    "\\",
    'password: "',
    "a-",
    "token",
    " ",
    "\n",
    ",token",
    "eyJ-",
    "Bearer ",
    "authorization ",
    "{ ",
    'token":\\"',
)


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    """A server chooses what it answers: the time is in proportion to the text, and a text has an end."""
    short, long = (min(timeit.repeat(lambda n=n: redact(piece * n), number=1, repeat=3)) for n in (1000, 8000))  # type: ignore[misc]

    assert long < 40 * max(short, 0.001)
    assert len(redact(piece * 10**6)) <= LONGEST + 1


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
