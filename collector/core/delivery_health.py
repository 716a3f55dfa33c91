"""
How far reports are that are sent regularly.
"""

from typing import Literal

import msgspec

from collector.core.model import Instant


class DeliveryHealth(msgspec.Struct, frozen=True, gc=False):
    """The present state of one report's last message."""

    report: str
    due_at: Instant | None = None
    """When the message was due that is not known to be sent; None: there is none."""
    state: Literal["", "waits", "failed", "unsure", "missed"] = ""
    """Of that message. `waits`: it is being sent, or it has not begun."""
    detail: str = ""
    """Why it is not sent."""
    last_at: Instant | None = None
    """When a message was last sent as scheduled; None: never."""
