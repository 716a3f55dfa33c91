"""Files of tokens: their form, their hashes, their end, and changes while the collector runs."""

from datetime import date
from pathlib import Path

import pytest

from collector.access.scope import ALL, METRICS, Visitor, of_departments
from collector.access.tokens import (
    LONGEST_TOKEN,
    MOST_BYTES,
    MOST_TOKENS,
    TokenEntry,
    TokenFiles,
    TokenListError,
    hash_of,
    make_token,
    parse_tokens,
    write_tokens,
)

DAY = date(2026, 11, 30)


def entry(token: str, **more: object) -> TokenEntry:
    given = {"scope": "all"} | more if "departments" not in more else more
    return TokenEntry(name="me", sha256=hash_of(token), **given)  # type: ignore[arg-type]


def files(tmp_path: Path, *entries: TokenEntry) -> TokenFiles:
    (tmp_path / "tokens.yaml").write_bytes(write_tokens(entries))
    found = TokenFiles([tmp_path / "tokens.yaml"])
    found.look()
    return found


def test_what_is_written_is_read_again() -> None:
    """Every field survives, and the file has no token."""
    token = make_token()
    entries = (
        entry(token),
        entry("x", expires=DAY),
        entry("y", departments=("自动驾驶", "b")),
        entry("z", scope="metrics"),
    )

    text = write_tokens(entries)

    assert parse_tokens(text, "t") == entries
    assert token.encode() not in text
    assert "自动驾驶" in text.decode()


def test_tokens_are_long_random_and_known_to_searches_for_secrets() -> None:
    """256 bits, so that one round of a fast hash is enough."""
    tokens = {make_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(token.startswith("lyn_") and len(token) == 4 + 43 for token in tokens)


def test_a_visitor_is_who_has_the_token(tmp_path: Path) -> None:
    """With the scope of its entry; another token is of no visitor."""
    found = files(tmp_path, entry("all"), entry("metrics", scope="metrics"), entry("two", departments=("b", "a")))

    assert found.visitor("all", DAY) == Visitor("me", ALL, "token")
    assert found.visitor("metrics", DAY) == Visitor("me", METRICS, "token")
    assert found.visitor("two", DAY) == Visitor("me", of_departments(["a", "b"]), "token")
    for other in ("", "al", "all ", "\udcff", "x" * (LONGEST_TOKEN + 1), hash_of("all")):
        assert found.visitor(other, DAY) is None


def test_a_token_ends(tmp_path: Path) -> None:
    """On the day that its entry names, in UTC; another entry of the same token and name may still be good."""
    found = files(tmp_path, entry("t", expires=DAY))

    assert found.visitor("t", date(2026, 11, 29)) is not None
    assert found.visitor("t", DAY) is None
    assert files(tmp_path, entry("t", expires=date(2000, 1, 1))).visitor("t") is None
    again = files(tmp_path, entry("t", expires=DAY), entry("t"))
    assert again.visitor("t", DAY) is not None


def test_files_are_read_again(tmp_path: Path) -> None:
    """A token is withdrawn without a restart: by its entry, or with its file."""
    found = files(tmp_path, entry("old"))
    file = tmp_path / "tokens.yaml"

    file.write_bytes(write_tokens([entry("new")]))
    found.look()
    assert (found.visitor("old", DAY), found.visitor("new", DAY) is not None) == (None, True)
    file.unlink()
    found.look()
    assert (found.visitor("new", DAY), found.entries, found.problems) == (None, (), ())


def test_a_file_that_becomes_invalid_keeps_its_tokens(tmp_path: Path) -> None:
    """A slip while editing refuses no token that was valid, and is reported until it is fixed."""
    found = files(tmp_path, entry("t"))
    file = tmp_path / "tokens.yaml"

    file.write_text("tokens: [{name: me}]")
    found.look()
    assert found.visitor("t", DAY) is not None
    assert "its last tokens stay in force" in found.problems[0]
    file.write_bytes(b"#" * (MOST_BYTES + 1))
    found.look()
    assert "longer than" in found.problems[0]
    file.unlink()
    file.mkdir()
    found.look()
    assert "cannot be read" in found.problems[0]
    file.rmdir()
    file.write_bytes(write_tokens([entry("t")]))
    found.look()
    assert found.problems == ()


HASH = "0" * 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "not valid YAML"),
        ("tokens: 3", "Expected `array`"),
        ("tokens: [{name: a, sha256: x, scope: all, colour: red}]", "colour"),
        (f"tokens: [{{name: '', sha256: '{HASH}', scope: all}}]", "tokens[0].name"),
        ("tokens: [{name: a, sha256: lyn_secret, scope: all}]", "tokens[0].sha256"),
        (f"tokens: [{{name: a, sha256: '{HASH}', scope: root}}]", "tokens[0].scope: 'root' is unknown"),
        (f"tokens: [{{name: a, sha256: '{HASH}'}}]", "give either scope or departments"),
        (f"tokens: [{{name: a, sha256: '{HASH}', scope: all, departments: [b]}}]", "give either scope or departments"),
        (f"tokens: [{{name: a, sha256: '{HASH}', departments: ['']}}]", "one has no name"),
        (f"tokens: [{{name: a, sha256: '{HASH}', scope: all, expires: tomorrow}}]", "expires"),
    ],
)
def test_an_invalid_file_names_the_entry_and_the_remedy(text: str, words: str) -> None:
    """And never quotes what may be a token."""
    with pytest.raises(TokenListError) as raised:
        parse_tokens(text.encode(), "tokens.yaml")

    assert str(raised.value).startswith("tokens.yaml: ")
    assert words in str(raised.value)
    assert "lyn_secret" not in str(raised.value)


def test_the_number_of_tokens_is_bounded() -> None:
    """Each request compares all of them."""
    with pytest.raises(TokenListError, match="at most 1000"):
        parse_tokens(write_tokens([entry("t")] * (MOST_TOKENS + 1)), "tokens.yaml")


def test_an_empty_file_has_no_token() -> None:
    """It is how a list begins."""
    assert parse_tokens(b"", "t") == ()
