"""
The settings of reports that are sent, and what makes them useless or unsafe.
"""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from collector.settings.schedule import schedule_problem

LOOPBACK = ("localhost", "127.0.0.1", "::1")
Preset = Literal["slack", "dingtalk", "feishu", "wecom", "teams", "json"]
SIGNED: tuple[Preset, ...] = ("dingtalk", "feishu")
"""Presets whose messages may be signed."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")


class SmtpSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The mail server. Without a host no mail is sent."""

    host: str = ""
    """Name or address of the mail server. Empty: there is none."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    """Port of the mail server: 587 with `starttls`, 465 with `tls`, often 25 with `none`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted. `none` is for a mail server on this machine alone."""
    username: str = ""
    """User of the mail server. Empty: no login."""
    password_file: str = ""
    """File with the user's password. It is read before each mail."""
    sender: str = ""
    """Address that the mails are from."""
    ca_file: str = ""
    """Certificate authority of the mail server. Empty: the system's."""
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=300)] = 30
    """Time limit of each answer of the mail server."""


class WebhookSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A chat, or a program, that takes messages by HTTP."""

    name: str
    """Name by which reports refer to it."""
    url_file: str
    """File with the address. All who know the address can write into the chat, so it is a secret and no setting."""
    preset: Preset = "json"
    """Form of the message, as the vendor documents it. `json`: one of your own, see `template_file`."""
    secret_file: str = ""
    """File with the secret that signs messages, for `dingtalk` and `feishu`."""
    template_file: str = ""
    """With `json`: a file with the message as JSON, in which names like `{sentence}` are replaced. Empty: all that is known."""
    ca_file: str = ""
    """Certificate authority of the receiver. Empty: the system's."""
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=300)] = 20
    """Time limit of a request."""
    repeat_if_unsure: bool = False
    """Send again when it is not known whether a message arrived. Chats then show it twice; without it, it may be missing, and
    `/readyz` says so."""


class ScheduledReport(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A report that is sent regularly: to mail addresses, or to a webhook."""

    name: str
    """Name of the report, in commands, metrics and messages about it."""
    schedule: str
    """When it is sent, in `billing_timezone`: `monthly 09:00` (on the 1st), `monthly 4 09:00`, `weekly mon 09:00`,
    `daily 09:00`, or the five fields of cron, like `0 9 1 * *`."""
    to: tuple[str, ...] = ()
    """Mail addresses. All get one mail."""
    webhook: str = ""
    """Name of an entry of `delivery.webhooks`."""
    department: str = "all"
    """Whose costs it shows. It is read with the rights of this department. `all`: those of all."""
    language: Literal["en", "zh-CN"] = "en"
    """Language of the message."""
    what: Literal["month_before", "month_so_far"] = "month_before"
    """Which month it shows."""
    attach: Literal["csv", "link", "none"] = "none"
    """What goes with it: the rows as a CSV file (mail only), a link to them (needs `http.external_url`), or nothing."""


class DeliverySettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Reports that are sent regularly, each exactly once a period, however many collectors share the store."""

    smtp: SmtpSettings = SmtpSettings()
    webhooks: tuple[WebhookSettings, ...] = ()
    """Chats and programs that take messages by HTTP."""
    reports: tuple[ScheduledReport, ...] = ()
    """What is sent, when, and to whom."""
    late_hours: Annotated[int, msgspec.Meta(ge=1, le=31 * 24)] = 72
    """A report whose time passed while no collector ran, or that cannot be sent, is sent up to this much later; then it is
    given up."""


def delivery_problem(delivery: DeliverySettings, external_url: str) -> str:
    """The problem with the settings, its key first, or an empty text."""
    if problem := _smtp_problem(delivery.smtp):
        return f"smtp.{problem}"
    hooks = [hook.name for hook in delivery.webhooks]
    for i, hook in enumerate(delivery.webhooks):
        if problem := _name_problem(hook.name, hooks[:i]) or _webhook_problem(hook):
            return f"webhooks[{i}].{problem}"
    names = [report.name for report in delivery.reports]
    for i, report in enumerate(delivery.reports):
        if problem := _name_problem(report.name, names[:i]) or _report_problem(report, delivery, external_url):
            return f"reports[{i}].{problem}"
    return ""


def external_url_problem(url: str) -> str:
    """The problem with the address under which people open the pages, or an empty text."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment or parts.username:
        return "expected the address under which people open the pages, like https://lynceus.example.com"
    return ""


def _smtp_problem(smtp: SmtpSettings) -> str:
    if not smtp.host:
        return "" if smtp == SmtpSettings() else "host: is missing; name the mail server"
    if smtp.security == "none" and smtp.host not in LOOPBACK:
        return f"security: mail to {smtp.host} would be sent unencrypted; use starttls or tls"
    if not _ADDRESS.fullmatch(smtp.sender):
        return f"sender: {smtp.sender!r} is not a mail address, like lynceus@example.com"
    if bool(smtp.username) != bool(smtp.password_file):
        return "password_file: username and password_file belong together"
    return ""


def _name_problem(name: str, before: list[str]) -> str:
    if not _NAME.fullmatch(name):
        return f"name: {name!r} must be lower-case letters, digits and `-`"
    return f"name: {name!r} is taken by an earlier entry" if name in before else ""


def _webhook_problem(hook: WebhookSettings) -> str:
    if not hook.url_file or "://" in hook.url_file:
        return "url_file: name a file that holds the address; the address itself is a secret"
    if hook.secret_file and hook.preset not in SIGNED:
        return f"secret_file: {hook.preset} signs no messages; {' and '.join(SIGNED)} do"
    if hook.template_file and hook.preset != "json":
        return f"template_file: {hook.preset} has a form of its own; use `preset: json`"
    return ""


def _report_problem(report: ScheduledReport, delivery: DeliverySettings, external_url: str) -> str:
    if problem := _receiver_problem(report, delivery):
        return problem
    if not report.department.strip():
        return "department: is empty; name a department, or `all`"
    if report.attach == "csv" and report.webhook:
        return "attach: a webhook takes no file; use `link`"
    if report.attach == "link" and not external_url:
        return "attach: a link needs http.external_url, the address under which people open the pages"
    problem = schedule_problem(report.schedule)
    return f"schedule: {problem}" if problem else ""


def _receiver_problem(report: ScheduledReport, delivery: DeliverySettings) -> str:
    if bool(report.to) == bool(report.webhook):
        return "to: name mail addresses in `to`, or one `webhook`"
    if report.to and not delivery.smtp.host:
        return "to: needs a mail server, set delivery.smtp.host"
    if wrong := [address for address in report.to if not _ADDRESS.fullmatch(address)]:
        return f"to: {wrong[0]!r} is not a mail address"
    if report.webhook and report.webhook not in {hook.name for hook in delivery.webhooks}:
        return f"webhook: {report.webhook!r} is not in delivery.webhooks"
    return ""


def secret_text(file: str) -> str:
    """The text of a file with a secret, without white space around it; OSError and ValueError name the file, not the text."""
    text = Path(file).read_text(encoding="utf-8").strip()
    if not text or len(text) > 4096 or len(text.splitlines()) > 1:
        raise ValueError(f"{file}: must hold one line")
    return text
