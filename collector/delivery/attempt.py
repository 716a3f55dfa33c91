"""
One message from a claim to its end: claimed, sending, and sent, failed or unsure (records.py has the states).

Every step is a row that only one collector can write, so a collector that was stopped for long and continues loses its next
step and sends nothing. What remains is the last step itself: from the moment in which a receiver takes a message until this
process has noted its answer, a kill leaves an unsure message.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from collector.core.model import Instant
from collector.core.units import MINUTE_MS
from collector.delivery.channel import MOST_DOUBTS, Channel
from collector.delivery.journal import DeliveryJournal
from collector.delivery.message import Message
from collector.delivery.outcome import NotSentError, OvertakenError, UnsureError
from collector.delivery.records import DeliveryRecord, advance
from collector.store.clickhouse import Store

SECOND_MS = 1000
CLAIM_MS = 3 * MINUTE_MS
"""For reading the figures and connecting; after this time another collector may claim the message."""
MARGIN_MS = 5 * SECOND_MS
"""The last step is not begun so shortly before another collector may take over."""
FIRST_PAUSE_MS = MINUTE_MS
LONGEST_PAUSE_MS = 60 * MINUTE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryWork:
    """What an attempt needs."""

    store: Store
    journal: DeliveryJournal
    holder: str
    now: Callable[[], Instant]
    late_ms: int
    """A message that is not sent so long after it was due is given up."""
    claim_ms: int = CLAIM_MS


def attempt(
    work: DeliveryWork, before: DeliveryRecord, channel: Channel, make: Callable[[], Message]
) -> DeliveryRecord | None:
    """Tries to send a message; returns how far it is then. None: another collector has it."""
    now = work.now()
    begun = {"holder": work.holder, "receiver": channel.receiver, "detail": ""}
    claim = advance(
        work.store,
        before,
        state="claimed",
        attempt=before.attempt + 1,
        at=now,
        until=now + work.claim_ms * min(before.attempt + 1, 8),  # the figures of a large month take their time
        **begun,
    )
    if claim is None:
        return None
    sending = _Sending(work, claim, channel)
    try:
        message = make()
        sending.renew()
        answer = channel.send(message, sending.last_step)
    except OvertakenError:
        return None
    except NotSentError as error:
        return sending.failed(str(error), error.retry_s * SECOND_MS)
    except UnsureError as error:
        return unsure(work, sending.record, channel, str(error))
    return sending.sent(answer)


def settle(work: DeliveryWork, record: DeliveryRecord, channel: Channel) -> DeliveryRecord | None:
    """
    Brings a message to an end whose collector was killed while it sent, or does not answer any more.

    Returns the row from which another attempt may begin or that is the end; None: another collector has it.
    """
    step, words = work.journal.outcome(record.mark) if record.holder == work.holder else ("begun", "")
    if record.state == "claimed" or step == "":
        return record  # its last step was never begun
    if step == "accepted":
        return advance(work.store, record, state="sent", at=work.now(), detail=words)
    if step == "refused":
        return failed(work, record, words)
    return unsure(work, record, channel, "the collector ended while it sent the message")


def failed(work: DeliveryWork, record: DeliveryRecord, words: str, retry_ms: int = 0) -> DeliveryRecord | None:
    """Writes that a message was not sent, and when it is tried again."""
    now = work.now()
    pause = max(retry_ms, min(FIRST_PAUSE_MS << min(record.attempt - 1, 10), LONGEST_PAUSE_MS))
    state = "failed" if now + pause < record.due + work.late_ms else "missed"
    return advance(work.store, record, state=state, at=now, until=now + pause, detail=words)


def unsure(work: DeliveryWork, record: DeliveryRecord, channel: Channel, words: str) -> DeliveryRecord | None:
    """Writes that it is unknown whether a message arrived; where the channel permits it, it is tried again."""
    doubts = record.doubts + 1
    if channel.repeats and doubts <= MOST_DOUBTS:
        return failed(
            work, replace(record, doubts=doubts), f"{words}; it may have arrived, and is sent again with the same id"
        )
    return advance(work.store, record, state="unsure", doubts=doubts, at=work.now(), detail=words)


class _Sending:
    """The rows of one attempt after its claim."""

    def __init__(self, work: DeliveryWork, claim: DeliveryRecord, channel: Channel) -> None:
        self._work, self.record, self._channel = work, claim, channel
        self._begun = False

    def renew(self) -> None:
        """Claims the message once more, after the figures were read; how long that took is not held against the connection."""
        now = self._work.now()
        claim = advance(self._work.store, self.record, at=now, until=now + self._work.claim_ms)
        if claim is None:
            raise OvertakenError
        self.record = claim

    def last_step(self) -> None:
        """Makes sure that no other collector sends this message, and notes that this one does from now on."""
        work, now = self._work, self._work.now()
        if now > self.record.until - MARGIN_MS:
            raise OvertakenError
        until = now + 2 * self._channel.last_step_s * SECOND_MS + MINUTE_MS
        step = advance(work.store, self.record, state="sending", at=now, until=until)
        if step is None:
            raise OvertakenError
        self.record = step
        work.journal.note(step.mark, "begun")
        self._begun = True
        if work.now() > until - MARGIN_MS:  # it was stopped meanwhile
            work.journal.note(step.mark, "refused", "the collector was stopped before it could send")
            raise OvertakenError

    def sent(self, answer: str) -> DeliveryRecord | None:
        """The receiver has the message."""
        self._work.journal.note(self.record.mark, "accepted", answer)
        return advance(self._work.store, self.record, state="sent", at=self._work.now(), detail=answer)

    def failed(self, words: str, retry_ms: int) -> DeliveryRecord | None:
        """The receiver does not have the message."""
        if self._begun:
            self._work.journal.note(self.record.mark, "refused", words)
        return failed(self._work, self.record, words, retry_ms)
