"""The audit log before it reaches the store: what is one entry, what is never lost, and what no entry may hold."""

import logging

import pytest

from collector.access import audit
from collector.access.audit import (
    MOST_AT_ONCE,
    MOST_OPEN,
    MOST_WAITING,
    OTHERS,
    WINDOW_MS,
    AuditLog,
    command_entry,
    ended,
    entry_of,
)
from collector.access.scope import ALL, Visitor, of_departments
from collector.access.tokens import make_token
from collector.catalog.counters import Counters
from collector.core.facts.audit import Action, AuditEntry

ANNA = Visitor("anna", of_departments(["autonomy"]), "token")
BEN = Visitor("ben", ALL, "proxy")


def read(target: str = "/cost", at: int = 0, visitor: Visitor = ANNA, address: str = "10.0.0.1") -> AuditEntry:
    """A page that somebody saw."""
    return entry_of("read", target, visitor=visitor, address=address, outcome="200", at=at)


def refusal(address: str, at: int = 0, target: str = "/cost") -> AuditEntry:
    """A visitor without a right."""
    return entry_of("refuse", target, address=address, outcome="401", at=at)


def test_an_entry_has_who_what_when_and_from_where() -> None:
    """All that a later reader asks for."""
    entry = entry_of("read", "/cost", visitor=ANNA, address="10.0.0.1", outcome="200", at=7)

    assert (entry.actor, entry.via, entry.scope) == ("anna", "token", "department autonomy")
    assert (entry.at, entry.until, entry.times, entry.version) == (7, 7, 1, 1)
    assert (entry.address, entry.action, entry.target, entry.outcome) == ("10.0.0.1", "read", "/cost", "200")
    assert entry_of("read", "/").at > 1_700_000_000_000
    assert refusal("10.0.0.9").actor == refusal("10.0.0.9").via == ""


def test_two_entries_of_one_millisecond_have_two_names() -> None:
    """The store replaces rows with the same key."""
    assert len({read(at=1).id for _ in range(100)}) == 100


def test_an_entry_holds_no_token_and_no_query() -> None:
    """A path may be made of anything, and the log is read by others than those who asked."""
    token = make_token()
    entry = entry_of("read", f"/cost/{token}?secret={token}#{token}", detail=f"Bearer {token}", outcome=token)

    assert token not in repr(entry)
    assert entry.target == "/cost/…"
    assert entry_of("import_bill", "bill?.csv").target == "bill?.csv"


def test_a_hostile_text_stays_on_its_line_and_is_bounded() -> None:
    """The log is shown in terminals."""
    person = Visitor("\x1b[2Jroot\nroot", ALL, "proxy")
    entry = entry_of("read", "/" + "a" * 9999, visitor=person, address="\r\x00", detail="x\ny" * 9999)

    assert entry.actor == "\\x1b[2Jroot\\nroot"
    assert entry.address == "\\x0d\\x00"
    assert (len(entry.target), len(entry.detail)) == (256, 512)


def test_what_is_seen_again_and_again_is_one_entry_for_five_minutes() -> None:
    """A live page asks every two seconds; its first request is written at once, its number at the end."""
    log = AuditLog(Counters())
    for second in range(0, 300, 2):
        log.record(read(at=second * 1000))

    [first] = log.take(299_000)
    assert (first.times, first.at) == (1, 0)
    assert log.take(299_999) == []
    [counted] = log.take(WINDOW_MS)
    assert (counted.id, counted.times, counted.version, counted.until) == (first.id, 150, 150, 298_000)
    assert log.take(10 * WINDOW_MS) == []
    log.record(read(at=WINDOW_MS))
    assert [entry.times for entry in log.take(WINDOW_MS)] == [1]


@pytest.mark.parametrize(
    "other",
    [
        read("/queues"),
        read(visitor=BEN),
        read(address="10.0.0.2"),
        entry_of("read", "/cost", visitor=ANNA, address="10.0.0.1", outcome="500", at=0),
    ],
)
def test_what_differs_is_an_entry_of_its_own(other: AuditEntry) -> None:
    """Who, what, from where and with which answer."""
    log = AuditLog(Counters())
    log.record(read())
    log.record(other)
    assert len(log.take(0)) == 2


@pytest.mark.parametrize("action", ["sign_in", "sign_out", "lock", "unlock", "reprice", "create_token", "revoke_token"])
def test_sign_ins_and_changes_are_never_counted_together(action: Action) -> None:
    """Each of them matters."""
    log = AuditLog(Counters())
    for _ in range(3):
        log.record(entry_of(action, "2026-10", visitor=BEN, at=0))
    assert len(log.take(0)) == 3


def test_refusals_of_one_address_are_one_entry() -> None:
    """A stranger who guesses tokens does not fill the store, whatever the paths."""
    log = AuditLog(Counters())
    for number in range(5_000):
        log.record(refusal("10.0.0.9", at=number, target=f"/{number}"))
    assert [entry.target for entry in log.take(5_000)] == ["/0"]
    assert [entry.times for entry in log.take(WINDOW_MS)] == [5_000]


def test_a_flood_from_many_addresses_is_bounded_and_hides_nobody() -> None:
    """Strangers can neither fill the memory nor push out what visitors did."""
    log = AuditLog(Counters())
    for number in range(50_000):
        log.record(refusal(f"fd00::{number:x}"))
    log.record(read())

    rows = [entry for _ in range(20) for entry in log.take(0)]
    assert len(rows) == MOST_OPEN["refuse"] + 2
    assert rows[-1].actor == "anna"
    assert (rows[-2].address, rows[-2].target) == (OTHERS, OTHERS)
    assert sum(entry.times for entry in log.take(WINDOW_MS)) == 50_000 - MOST_OPEN["refuse"]
    assert log.dropped == 0


def test_a_reader_of_very_many_pages_is_still_named() -> None:
    """Beyond so many different ones the target is omitted, not the reader."""
    log = AuditLog(Counters())
    for number in range(MOST_OPEN["read"] + 500):
        log.record(read(f"/workflow/{number}"))

    rows = [entry for _ in range(20) for entry in log.take(0)]
    assert len(rows) == MOST_OPEN["read"] + 1
    assert (rows[-1].actor, rows[-1].target) == ("anna", OTHERS)


def test_a_person_of_countless_names_does_not_fill_the_memory() -> None:
    """Names of a proxy are not ours."""
    log = AuditLog(Counters())
    for number in range(2 * MOST_OPEN["query"] + 50):
        log.record(entry_of("query", "cost_daily", visitor=Visitor(f"p{number}", ALL, "proxy"), at=0))
    assert len(log.take_all()) == 2 * MOST_OPEN["query"] + 50
    assert log.take(WINDOW_MS) == []


def test_entries_wait_for_the_store_in_their_order() -> None:
    """A store that is down loses nothing for a while."""
    log = AuditLog(Counters())
    for number in range(MOST_AT_ONCE + 1):
        log.record(entry_of("sign_in", str(number), visitor=BEN, at=0))
    taken = log.take(0)
    assert (len(taken), log.waiting) == (MOST_AT_ONCE, 1)
    log.give_back(taken)
    assert [entry.target for entry in log.take(0)] == [str(number) for number in range(MOST_AT_ONCE)]


def test_what_does_not_fit_is_counted_and_the_oldest_stay() -> None:
    """A flood does not replace what is recorded, and the metric says that the log is incomplete."""
    log = AuditLog(counters := Counters())
    assert counters.series["lynceus_audit_dropped_total"] == {(): 0}
    for number in range(MOST_WAITING + 5):
        log.record(entry_of("sign_in", str(number), visitor=BEN, at=0))
    assert (log.waiting, log.dropped) == (MOST_WAITING, 5)
    taken = log.take(0)
    for _ in taken:
        log.record(entry_of("sign_in", "late", visitor=BEN, at=0))
    log.give_back(taken)
    assert (log.waiting, log.dropped) == (MOST_WAITING, 5 + MOST_AT_ONCE)
    assert log.take(0)[0].target == "0"


def test_refusals_leave_room_for_others() -> None:
    """While the store is down, strangers may fill half of what waits."""
    log = AuditLog(Counters())
    for round_ in range(12):
        for number in range(MOST_OPEN["refuse"]):
            log.record(refusal(f"fd00::{number:x}", at=round_ * WINDOW_MS))
        log.give_back(log.take((round_ + 1) * WINDOW_MS))
    assert log.waiting == MOST_WAITING // 2
    log.record(read())
    assert log.waiting == MOST_WAITING // 2 + 1


def test_the_end_hands_over_all_that_was_counted() -> None:
    """Also of the five minutes that are not over."""
    log = AuditLog(Counters())
    log.record(read(at=0))
    log.take(0)
    log.record(read(at=1))
    log.record(read("/queues", at=2))
    assert [(entry.target, entry.times) for entry in log.take_all()] == [("/queues", 1), ("/cost", 2)]
    assert log.take_all() == []


def test_a_change_is_an_entry_at_its_begin_that_its_end_replaces() -> None:
    """What was cut short is seen as begun."""
    begin = command_entry("lock", "2026-10", "anna@bastion", at=5)
    end = ended(begin, "failed", "gaps", at=9)

    assert (begin.outcome, begin.via, begin.scope, begin.actor) == ("begun", "local", "all", "anna@bastion")
    assert (end.id, end.at, end.version, end.until) == (begin.id, 5, begin.version + 1, 9)
    assert (end.outcome, end.detail) == ("failed", "gaps")
    assert ended(begin, "ok").until > 1_700_000_000_000


def test_entries_are_lines_of_the_log_if_wanted(caplog: pytest.LogCaptureFixture) -> None:
    """For those who collect logs elsewhere; by default the store alone has them."""
    with caplog.at_level(logging.INFO, logger=audit.__name__):
        AuditLog(Counters()).record(read())
        assert caplog.records == []
        AuditLog(Counters(), log_lines=True).record(read())
    [line] = caplog.records
    assert (line.message, vars(line)["actor"], vars(line)["target"]) == ("audit entry", "anna", "/cost")
