"""One message from a claim to its end, against the real store, with every way in which it may be cut short."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from collector.delivery.attempt import CLAIM_MS, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, DeliveryWork, attempt, settle
from collector.delivery.channel import MOST_DOUBTS, Channel
from collector.delivery.journal import DeliveryJournal
from collector.delivery.message import Message
from collector.delivery.outcome import NotSentError, UnsureError
from collector.delivery.records import DeliveryRecord, advance, current
from collector.store.clickhouse import Store
from tests.builders import DAY, NOON
from tests.delivery.messages import a_message
from tests.delivery.test_records import a_record


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Post:
    """A receiver, and what befalls the sender before and after its last step."""

    got: list[Message] = field(default_factory=list)
    before: BaseException | None = None
    after: BaseException | None = None

    def send(self, message: Message, last_step: Callable[[], None]) -> str:
        last_step()
        if self.before is not None:
            raise self.before
        self.got.append(message)
        if self.after is not None:
            raise self.after
        return "250 taken"

    def channel(self, *, repeats: bool = True) -> Channel:
        return Channel(receiver="a@b.c", repeats=repeats, last_step_s=30, send=self.send)


@dataclass
class Clock:
    """A clock that tests set."""

    now: int = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(store: Store, tmp_path: Path, clock: Clock) -> DeliveryWork:
    """A collector's tools."""
    return a_work(store, tmp_path / "journal", clock)


def a_work(store: Store, journal: Path, clock: Clock) -> DeliveryWork:
    opened = DeliveryJournal(journal)
    return DeliveryWork(store=store, journal=opened, holder=opened.identity, now=clock, late_ms=3 * DAY)


def stored(work: DeliveryWork, record: DeliveryRecord) -> DeliveryRecord:
    """How far a message is."""
    found = current(work.store, record.name, record.department, record.period)
    assert found is not None
    return found


def test_a_message_is_sent_once_and_the_answer_is_kept(work: DeliveryWork) -> None:
    """With the number of the attempt and who it went to."""
    post, record = Post(), a_record()

    after = attempt(work, record, post.channel(), a_message)

    assert post.got == [a_message()]
    assert after == stored(work, record)
    assert (after.state, after.attempt, after.receiver, after.detail) == ("sent", 1, "a@b.c", "250 taken")


def test_a_failure_is_tried_again_later_and_later(work: DeliveryWork, clock: Clock) -> None:
    """After a minute, two, four, up to an hour; and not any more when the message is too late."""
    post, record = Post(before=NotSentError("no route")), a_record()
    pauses = []
    while record.state != "missed":
        after = attempt(work, record, post.channel(), a_message)
        assert after is not None
        record = after
        pauses.append(record.until - clock.now)
        clock.now = record.until

    assert pauses[:8] == [FIRST_PAUSE_MS * 2**number for number in range(6)] + [LONGEST_PAUSE_MS] * 2
    assert record.detail == "no route"
    assert 3 * DAY - LONGEST_PAUSE_MS <= clock.now - NOON - LONGEST_PAUSE_MS <= 3 * DAY
    assert post.got == []


def test_a_receiver_that_asks_to_wait_is_waited_for(work: DeliveryWork) -> None:
    """Longer than the usual pause."""
    after = attempt(work, a_record(), Post(before=NotSentError("too fast", 600)).channel(), a_message)

    assert after is not None
    assert after.until == NOON + 600_000


@pytest.mark.parametrize("repeats", [True, False])
def test_a_kill_after_the_answer_is_noted_sends_nothing_twice(
    work: DeliveryWork, tmp_path: Path, clock: Clock, repeats: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal knows, though the store does not."""
    post, record = Post(), a_record()
    monkeypatch.setattr("collector.delivery.attempt._Sending.sent", note_and_die)
    with pytest.raises(Killed):
        attempt(work, record, post.channel(repeats=repeats), a_message)
    monkeypatch.undo()
    again = a_work(work.store, tmp_path / "journal", clock)

    settled = settle(again, stored(again, record), post.channel(repeats=repeats))

    assert settled is not None
    assert (settled.state, settled.detail, len(post.got)) == ("sent", "250 taken", 1)


def note_and_die(sending: object, answer: str) -> None:
    """The kill comes after the journal and before the store."""
    record, work = sending.record, sending._work  # type: ignore[attr-defined]
    work.journal.note(record.mark, "accepted", answer)
    raise Killed


def test_a_kill_before_the_last_step_loses_nothing(work: DeliveryWork, tmp_path: Path, clock: Clock) -> None:
    """The collector that was killed starts again at once; it was not begun for sure, so that also a chat gets its message."""
    record = a_record()

    def dies() -> Message:
        raise Killed

    with pytest.raises(Killed):
        attempt(work, record, Post().channel(), dies)
    again, post = a_work(work.store, tmp_path / "journal", clock), Post()
    claimed = stored(again, record)
    settled = settle(again, claimed, post.channel(repeats=False))
    assert settled == claimed
    after = attempt(again, claimed, post.channel(repeats=False), a_message)

    assert after is not None
    assert (after.state, after.attempt, len(post.got)) == ("sent", 2, 1)


def test_a_kill_between_the_row_and_the_journal_loses_nothing(work: DeliveryWork, clock: Clock, tmp_path: Path) -> None:
    """The store has `sending`, and the journal knows that it was not begun."""
    sending = advance(work.store, a_record(), state="sending", holder=work.holder, until=NOON + CLAIM_MS)
    assert sending is not None

    assert settle(work, sending, Post().channel(repeats=False)) == sending


@pytest.mark.parametrize(("repeats", "state"), [(True, "failed"), (False, "unsure")])
def test_a_kill_within_the_last_step_is_unsure(
    work: DeliveryWork, tmp_path: Path, clock: Clock, repeats: bool, state: str
) -> None:
    """A mail is sent again with the same id, a chat's message is not."""
    post, record = Post(after=Killed()), a_record()
    with pytest.raises(Killed):
        attempt(work, record, post.channel(repeats=repeats), a_message)
    again = a_work(work.store, tmp_path / "journal", clock)

    settled = settle(again, stored(again, record), post.channel(repeats=repeats))

    assert settled is not None
    assert (settled.state, settled.doubts) == (state, 1)


def test_a_mail_of_unknown_fate_is_repeated_twice_and_not_for_days(work: DeliveryWork, clock: Clock) -> None:
    """A server that takes mails and answers none would fill a mailbox."""
    post, record = Post(after=UnsureError("no answer")), a_record()
    while record.state != "unsure":
        after = attempt(work, record, post.channel(), a_message)
        assert after is not None
        record, clock.now = after, max(after.until, clock.now)

    assert len(post.got) == MOST_DOUBTS + 1
    assert len({message.id for message in post.got}) == 1


def test_another_collector_takes_over_when_the_claim_has_ended(
    work: DeliveryWork, tmp_path: Path, clock: Clock
) -> None:
    """Of one that only had claimed it, at once; of one that had begun, it is unknown."""
    claimed = advance(work.store, a_record(), state="claimed", holder="gone", until=NOON - 1)
    sending = advance(work.store, a_record(), state="sending", holder="gone", until=NOON - 1)
    assert claimed is not None
    assert sending is not None

    settled = settle(work, sending, Post().channel(repeats=False))

    assert settle(work, claimed, Post().channel(repeats=False)) == claimed
    assert settled is not None
    assert settled.state == "unsure"


def test_a_collector_that_was_stopped_and_continues_sends_nothing(
    work: DeliveryWork, tmp_path: Path, clock: Clock
) -> None:
    """Stopped after its claim, or after its last row: in both cases another one may have sent the message meanwhile."""
    post, record = Post(), a_record()

    def stopped() -> Message:
        claimed = stored(work, record)
        assert advance(work.store, claimed, state="claimed", holder="other") is not None
        return a_message()

    assert attempt(work, record, post.channel(), stopped) is None

    for times in ([NOON, NOON, NOON + DAY], [NOON, NOON, NOON, NOON + DAY]):
        late = replace(work, now=iter([*times, *[NOON + DAY] * 9]).__next__)
        assert attempt(late, a_record(), post.channel(), a_message) is None
    assert post.got == []


def test_who_loses_the_claim_reads_no_figures(work: DeliveryWork) -> None:
    """Reading a month takes a minute of the store."""
    record = a_record()
    assert advance(work.store, record, state="claimed", holder="other") is not None

    def read() -> Message:
        raise AssertionError

    assert attempt(work, record, Post().channel(), read) is None
