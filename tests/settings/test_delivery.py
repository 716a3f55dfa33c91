"""The settings of reports that are sent."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from collector.settings.load import parse_settings
from collector.settings.model import SettingsError
from collector.settings.schedule import last_due, schedule_of, schedule_problem

SMTP = "smtp: {host: smtp.example.com, sender: lynceus@example.com}"
HOOK = "webhooks: [{name: chat, preset: slack, url_file: /run/url}]"
REPORT = "reports: [{name: month, to: [a@example.com], schedule: monthly 09:00}]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("smtp: {port: 25}", r"delivery\.smtp\.host: is missing"),
        (
            "smtp: {host: m, security: none, sender: a@b.c}",
            r"delivery\.smtp\.security: mail to m would be sent unencrypted",
        ),
        ("smtp: {host: m, sender: someone}", r"delivery\.smtp\.sender: 'someone' is not a mail address"),
        ("smtp: {host: m, sender: a@b.c, username: u}", r"delivery\.smtp\.password_file: username and password_file"),
        ("webhooks: [{name: Chat, url_file: f}]", r"delivery\.webhooks\[0\]\.name: 'Chat' must be"),
        ("webhooks: [{name: c, url_file: 'https://x/y'}]", r"delivery\.webhooks\[0\]\.url_file: name a file"),
        ("webhooks: [{name: c, url_file: f}, {name: c, url_file: f}]", r"delivery\.webhooks\[1\]\.name: 'c' is taken"),
        (
            "webhooks: [{name: c, url_file: f, preset: slack, secret_file: s}]",
            r"\.secret_file: slack signs no messages",
        ),
        ("webhooks: [{name: c, url_file: f, preset: slack, template_file: t}]", r"\.template_file: slack has a form"),
        ("webhooks: [{name: c, url_file: f, preset: irc}]", r"delivery\.webhooks\[0\]\.preset"),
        (
            "reports: [{name: r, schedule: daily 09:00}]",
            r"delivery\.reports\[0\]\.to: name mail addresses in `to`, or one",
        ),
        (REPORT, r"delivery\.reports\[0\]\.to: needs a mail server"),
        (
            f"{SMTP}\n{HOOK}\nreports: [{{name: r, to: [a@b.c], webhook: chat, schedule: daily 09:00}}]",
            r"\.to: name mail",
        ),
        (f"{SMTP}\nreports: [{{name: r, to: [a], schedule: daily 09:00}}]", r"\.to: 'a' is not a mail address"),
        (f"{HOOK}\nreports: [{{name: r, webhook: c, schedule: daily 09:00}}]", r"\.webhook: 'c' is not in delivery"),
        (
            f"{HOOK}\nreports: [{{name: r, webhook: chat, schedule: daily 09:00, attach: csv}}]",
            r"\.attach: a webhook takes",
        ),
        (
            f"{HOOK}\nreports: [{{name: r, webhook: chat, schedule: daily 09:00, attach: link}}]",
            r"\.attach: a link needs http",
        ),
        (
            f"{HOOK}\nreports: [{{name: r, webhook: chat, schedule: daily 09:00, department: ''}}]",
            r"\.department: is empty",
        ),
        (
            f"{HOOK}\nreports: [{{name: r, webhook: chat, schedule: never}}]",
            r"\.schedule: invalid time 'never', expected",
        ),
        (
            f"{HOOK}\nreports: [{{name: r, webhook: chat, schedule: '0 9 1 * 1'}}]",
            r"names days of the month and of the week",
        ),
        (f"{HOOK}\nreports: [{{name: r, webhook: chat, schedule: '0 9 30 2 *'}}]", r"'0 9 30 2 \*' never comes"),
        (
            f"{HOOK}\nreports: [{{name: r, webhook: chat, schedule: '* * * * *'}}]",
            r"comes more often than every 15 minutes",
        ),
        (f"{HOOK}\nreports: [{{name: r, webhook: chat, schedule: daily 09:00, language: de}}]", r"\.language"),
    ],
)
def test_what_cannot_be_sent_is_refused(text: str, words: str) -> None:
    """With the key and the remedy, before anything starts."""
    indented = text.replace("\n", "\n  ")
    with pytest.raises(SettingsError, match=words):
        parse_settings(f"delivery:\n  {indented}\n".encode(), "x.yaml")


@pytest.mark.parametrize("url", ["lynceus", "https://", "https://a:b@c", "https://x/?a=1", "ftp://x", "https://[x"])
def test_a_link_needs_an_address_that_people_can_open(url: str) -> None:
    """Links are made by adding to it."""
    with pytest.raises(SettingsError, match=r"http\.external_url: expected the address under which people open"):
        parse_settings(f"http: {{external_url: '{url}'}}".encode(), "x.yaml")


def test_a_mail_a_month_needs_three_lines() -> None:
    """A server, an address and a time; the rest has defaults."""
    read = parse_settings(f"delivery:\n  {SMTP}\n  {REPORT}".encode(), "x.yaml").delivery

    assert (read.smtp.port, read.smtp.security, read.late_hours) == (587, "starttls", 72)
    assert (read.reports[0].department, read.reports[0].what, read.reports[0].attach) == ("all", "month_before", "none")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("monthly 09:00", "2026-12-01T09:00+08:00"),
        ("monthly 4 09:00", "2026-11-04T09:00+08:00"),
        ("weekly mon 09:00", "2026-11-30T09:00+08:00"),
        ("daily 23:30", "2026-12-02T23:30+08:00"),
        ("0 9 * * 0", "2026-11-29T09:00+08:00"),
        ("0 9 * * 7", "2026-11-29T09:00+08:00"),
        ("0 9 * * 1-5", "2026-12-02T09:00+08:00"),
        ("15 8 1 */3 *", "2026-10-01T08:15+08:00"),
    ],
)
def test_the_last_time_of_a_schedule_is_found_in_the_billing_zone(text: str, expected: str) -> None:
    """Also by cron's numbers of days, whose week begins on Sunday."""
    now = datetime(2026, 12, 2, 16, 0, tzinfo=UTC)  # 3 December, midnight in Shanghai, a Thursday

    due = last_due(schedule_of(text, ZoneInfo("Asia/Shanghai")), now, timedelta(days=90))

    assert due is not None
    assert due.isoformat(timespec="minutes") == expected
    assert schedule_problem(text) == ""


def test_a_time_that_passed_too_long_ago_is_not_due() -> None:
    """Within the limit it is, to the second."""
    times, now = schedule_of("daily 09:00", ZoneInfo("UTC")), datetime(2026, 12, 2, 12, 0, tzinfo=UTC)

    assert last_due(times, now, timedelta(hours=2, minutes=59)) is None
    assert last_due(times, now, timedelta(hours=3)) == datetime(2026, 12, 2, 9, 0, tzinfo=UTC)
    assert last_due(times, datetime(2026, 12, 2, 9, 0, tzinfo=UTC), timedelta(hours=3)) is not None
