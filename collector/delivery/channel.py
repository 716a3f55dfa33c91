"""
The way of a report to its readers: one mail, or one webhook.

A mail that may have arrived or not is sent again, at most twice: its Message-ID is the same, so that receivers drop
what they have. A chat drops nothing, so there such a message is not sent again, unless the settings ask for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from collector.delivery.mail import send_mail
from collector.delivery.message import Message
from collector.delivery.webhook import send_webhook
from collector.settings.delivery import DeliverySettings, ScheduledReport

MOST_DOUBTS = 2
"""So often a message is sent again though it may have arrived."""

Send = Callable[[Message, Callable[[], None]], str]
"""Sends a message and returns the answer. The callback is called before the last step, and may raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where a report goes, and how."""

    receiver: str
    repeats: bool
    """Whether a message that may have arrived or not is sent again."""
    last_step_s: int
    """The longest time from the last step to its answer."""
    send: Send


def channel_of(delivery: DeliverySettings, report: ScheduledReport) -> Channel:
    """The channel of a report."""
    if report.to:
        smtp = delivery.smtp
        return Channel(
            receiver=", ".join(report.to),
            repeats=True,
            last_step_s=smtp.timeout_seconds,
            send=lambda message, last_step: send_mail(smtp, report.to, message, last_step),
        )
    (hook,) = [one for one in delivery.webhooks if one.name == report.webhook]
    return Channel(
        receiver=f"webhook {hook.name}",
        repeats=hook.repeat_if_unsure,
        last_step_s=hook.timeout_seconds,
        send=lambda message, last_step: send_webhook(hook, message, last_step),
    )
