"""
Where alerts are sent: an operator's file with receivers by team, office hours and mute times.

Passwords, tokens and addresses that are secrets stand in files beside Alertmanager; this file only names those.
"""

from collections.abc import Container
from pathlib import Path

import msgspec


class DeliveryError(Exception):
    """The file cannot be used; the message names the place."""


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An HTTP endpoint that takes Alertmanager's JSON."""

    url: str
    token_file: str = ""
    """File with a bearer token."""


class Slack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Slack channel, or one of Mattermost."""

    channel: str
    url_file: str
    """File with the address of the incoming webhook."""


class Email(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail to one or more addresses, by the server of `smtp`."""

    to: str


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that gets the same alerts."""

    webhook: tuple[Webhook, ...] = ()
    slack: tuple[Slack, ...] = ()
    email: tuple[Email, ...] = ()


class Team(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Receivers of a team."""

    page: Receiver
    """Critical alerts, at any hour."""
    ticket: Receiver
    """Warnings, in office hours."""


class Smtp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server."""

    server: str
    """host:port"""
    sender: str
    user: str = ""
    password_file: str = ""
    tls: bool = True


class OfficeHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"begin": "from", "end": "to"}):
    """When tickets are sent; outside they wait."""

    begin: str
    end: str
    days: str = "monday:friday"
    zone: str = "UTC"


class Mute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"begin": "from", "end": "to"}):
    """A time of each week in which some alerts are not sent, such as an upgrade window."""

    name: str
    begin: str
    end: str
    days: str
    alerts: tuple[str, ...]
    """Names of alerts."""
    cluster: str = ""
    """Only of this cluster."""
    zone: str = "UTC"


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets what."""

    teams: dict[str, Team]
    """By the label `team`; the first also gets what no other team owns."""
    watchdog: Receiver
    """The dead man's switch."""
    smtp: Smtp | None = None
    office_hours: OfficeHours | None = None
    mute: tuple[Mute, ...] = ()


def load(path: Path, known: Container[str]) -> Delivery:
    """Reads the file; `known` are the names of alerts. An error names the file and the place in it."""
    try:
        delivery = msgspec.yaml.decode(path.read_bytes(), type=Delivery)
    except OSError as error:
        raise DeliveryError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise DeliveryError(f"{path}: {error}") from error
    if not delivery.teams:
        raise DeliveryError(f"{path}: teams: name at least one team")
    receivers = [
        (name, kind, getattr(team, kind)) for name, team in delivery.teams.items() for kind in ("page", "ticket")
    ]
    for name, kind, receiver in receivers:
        if receiver.email and delivery.smtp is None:
            raise DeliveryError(f"{path}: teams.{name}.{kind}.email: needs smtp, which is missing")
        if not (receiver.webhook or receiver.slack or receiver.email):
            raise DeliveryError(f"{path}: teams.{name}.{kind}: sends nowhere; name a webhook, slack or email")
    for mute in delivery.mute:
        if unknown := [alert for alert in mute.alerts if alert not in known]:
            raise DeliveryError(f"{path}: mute.{mute.name}: no alert is named {', '.join(unknown)}")
    return delivery
