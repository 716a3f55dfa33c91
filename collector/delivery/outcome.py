"""
How an attempt to send a message ends when it does not end well: it was not sent, or that is unknown.

The texts are shown to people and stored, so they hold no address of a webhook and no secret.
"""


class NotSentError(Exception):
    """The receiver does not have the message; the text says why."""

    def __init__(self, text: str, retry_s: int = 0) -> None:
        """`retry_s`: how long the receiver asks to wait; 0: it names no time."""
        super().__init__(text)
        self.retry_s = retry_s


class UnsureError(Exception):
    """The last byte was sent and there was no answer: the receiver may have the message or not."""


class OvertakenError(Exception):
    """Another collector has taken the message over; this one must not send it."""
