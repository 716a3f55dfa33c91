"""Messages to send in tests."""

from typing import Any

from collector.delivery.message import Attachment, KeyFigure, Message

URL = "https://lynceus.example.com/reports/autonomy?month=2026-11"


def a_message(**changes: Any) -> Message:
    """A month's report, as a department gets it."""
    return Message(
        **{
            "id": "month\0autonomy\0002026-12-01 09:00",
            "title": "autonomy: November 2026",
            "sentence": "autonomy owes 12,345.67 CNY for November 2026.",
            "figures": (KeyFigure("To pay", "12,345.67 CNY"), KeyFigure("Budget", "11 %")),
            "notes": ("train-bev cost 3 times as much as usual.",),
            "link": URL,
            "link_text": "Open the report",
            "html": "<p>autonomy owes <b>12,345.67 CNY</b></p>",
            "attachment": Attachment("autonomy-2026-11.csv", "department,cost\n自动驾驶,12345.67\n"),
            "facts": {"report": "month", "department": "autonomy", "month": "2026-11"},
            **changes,
        }
    )
