"""
What follows from the cause of a failure alone; the table is in protocol.py.
"""

from typing import assert_never

from collector.watch.api_errors import Cause

OUTAGE = frozenset[Cause](("connection", "deadline", "cut", "short", "server", "unusable"))
"""Causes that are usually a server's outage; reachability.py then finds out when it is over."""

RENEWED = frozenset[Cause](("unauthorized", "tls"))
"""Causes that are usually outdated credentials: their files are read again at once, since they rotate."""


def restarts_list(cause: Cause) -> bool:
    """Whether a list begins again at its first page after this cause; otherwise the same page is asked for again."""
    match cause:
        case "gone" | "rejected" | "list_loop" | "went_back":
            return True
        case "unauthorized" | "forbidden" | "missing" | "throttled" | "server" | "unusable":
            return False
        case "connection" | "tls" | "deadline" | "credentials" | "too_large" | "corrupt" | "oversized":
            return False
        case "stream_error" | "garbled" | "cut" | "short" | "closed" | "idle" | "back_pressure" | "no_position":
            return False
    assert_never(cause)
