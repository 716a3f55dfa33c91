"""Changes of a file of tokens: whole, private, one at a time, and none that would make the file invalid."""

import os
import threading
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from collector.access.token_file import added, change_file, new_token, newest, parse_end, revoked, rotated
from collector.access.tokens import MOST_BYTES, TokenEntry, TokenFiles, TokenListError, hash_of

TODAY = date(2026, 11, 30)


def an_entry(name: str = "anna", digit: str = "a", expires: date | None = None) -> TokenEntry:
    return TokenEntry(name, digit * 64, "all", expires=expires)


def test_a_new_token_opens_what_its_entry_has(tmp_path: Path) -> None:
    """What is written is what the collector reads."""
    token, entry = new_token(an_entry())
    file = tmp_path / "tokens.yaml"
    change_file(file, lambda entries: added(entries, entry))

    files = TokenFiles([file])
    files.look()
    assert files.visitor(token, TODAY) == entry.visitor
    assert hash_of(token) in file.read_text()
    assert token not in file.read_text()


def test_the_other_entries_stay(tmp_path: Path) -> None:
    """In their order, the new one last."""
    file = tmp_path / "tokens.yaml"
    for new in map(an_entry, ("b", "a", "c")):
        change_file(file, partial(added, new=new))
    assert [entry.name for entry in change_file(file, lambda entries: entries)] == ["b", "a", "c"]


def test_a_name_has_one_token_unless_it_is_replaced() -> None:
    """Else a token could not be distinguished from the one that takes its place."""
    with pytest.raises(TokenListError, match="anna: has a token already; replace it with `lynceus token rotate anna`"):
        added((an_entry(),), an_entry())


def test_all_tokens_of_a_name_are_withdrawn_or_all_but_the_newest() -> None:
    """And never one of another name."""
    entries = (an_entry(digit="1"), an_entry("ben", "2"), an_entry(digit="3"))
    assert revoked(entries, "anna", older=False) == (entries[1],)
    assert revoked(entries, "anna", older=True) == (entries[1], entries[2])
    assert newest(entries, "anna") == entries[2]
    with pytest.raises(TokenListError, match="eve: has no token in this file; there are anna, ben"):
        revoked(entries, "eve", older=False)
    with pytest.raises(TokenListError, match="there are none"):
        newest((), "eve")


def test_the_former_tokens_of_a_name_end_with_the_overlap() -> None:
    """None works for longer than before, and what has ended is removed."""
    until = date(2026, 12, 7)
    forever, sooner = an_entry(digit="1"), an_entry(digit="2", expires=date(2026, 12, 1))
    over = an_entry(digit="3", expires=TODAY)
    other, new = an_entry("ben", "4", expires=TODAY), an_entry(digit="5")

    found = rotated((forever, sooner, over, other), new, until, TODAY)
    assert [(entry.sha256[0], entry.expires) for entry in found] == [
        ("1", until),
        ("2", date(2026, 12, 1)),
        ("4", TODAY),
        ("5", None),
    ]


@pytest.mark.parametrize(
    ("text", "end"),
    [("90d", date(2027, 2, 28)), ("1d", date(2026, 12, 1)), ("2027-03-01", date(2027, 3, 1)), ("never", None)],
)
def test_an_end_is_a_number_of_days_or_a_date(text: str, end: date | None) -> None:
    """The first day on which the token is refused."""
    assert parse_end(text, TODAY, "--expires") == end


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soon", "--expires: invalid time 'soon', expected days like 90d, a date like 2027-03-01, or never"),
        ("", "invalid time ''"),
        ("0d", "0d is 2026-11-30; choose a day after today"),
        ("2026-11-30", "choose a day after today"),
        ("9999d", "within ten years, or never"),
        ("2026-13-01", "invalid time"),
    ],
)
def test_an_end_that_makes_no_sense_is_named(text: str, words: str) -> None:
    """A token that has ended already is of no use; one for a century is a slip."""
    with pytest.raises(ValueError, match=words):
        parse_end(text, TODAY, "--expires")


def test_an_invalid_file_and_an_invalid_change_leave_the_file_as_it_was(tmp_path: Path) -> None:
    """Who edits by hand does not lose it."""
    file = tmp_path / "tokens.yaml"
    file.write_text("tokens: [{name: a}]\n", encoding="utf-8")
    with pytest.raises(TokenListError, match="sha256"):
        change_file(file, lambda entries: entries)
    assert file.read_text(encoding="utf-8") == "tokens: [{name: a}]\n"
    file.unlink()
    with pytest.raises(TokenListError, match=r"tokens\[0\].sha256"):
        change_file(file, lambda _: (TokenEntry("a", "secret", "all"),))
    file.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(TokenListError, match="it does not hold tokens"):
        change_file(file, lambda entries: entries)
    assert [*tmp_path.iterdir()] == [file]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not shut everyone out."""
    file = tmp_path / "tokens.yaml"
    change_file(file, lambda _: (an_entry(),))
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        change_file(file, lambda _: ())
    assert file.read_bytes() == before
    assert [*tmp_path.iterdir()] == [file]


def test_the_file_is_private_and_a_link_stays_a_link(tmp_path: Path) -> None:
    """Also where the folder is not; a group that could read it still can."""
    file, link = tmp_path / "tokens.yaml", tmp_path / "link.yaml"
    change_file(file, lambda _: ())
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    link.symlink_to(file)
    change_file(link, lambda _: (an_entry(),))
    assert (link.is_symlink(), file.stat().st_mode & 0o777) == (True, 0o640)
    assert b"anna" in file.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_leaves_the_file_to_its_owner(tmp_path: Path) -> None:
    """Else the collector could not read what an operator wrote with sudo."""
    folder = tmp_path / "etc"
    folder.mkdir()
    os.chown(folder, 1234, 1235)
    file = folder / "tokens.yaml"
    change_file(file, lambda _: ())
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 1235)
    os.chown(file, 1236, 1237)
    change_file(file, lambda _: (an_entry(),))
    assert (file.stat().st_uid, file.stat().st_gid) == (1236, 1237)


def test_two_commands_at_once_keep_both_entries(tmp_path: Path) -> None:
    """Each waits for the other."""
    file = tmp_path / "tokens.yaml"

    def add(number: int) -> None:
        change_file(file, lambda entries: added(entries, an_entry(f"n{number}", "b")))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(change_file(file, lambda entries: entries)) == 20
