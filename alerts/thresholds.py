"""
The numbers of thresholds/*.yaml as typed values, and an operator's own on top; an unknown name is an error.

No number has a default in code: an operator can only tune a number that is in a file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from alerts.numbers import Number, Override
from alerts.teams import Teams

FOLDER = Path(__file__).parent / "thresholds"

ByAlert = dict[str, dict[str, Number]]
"""Numbers by alert and name."""


class ThresholdError(Exception):
    """A file or an option with thresholds cannot be used; the message names the place and the remedy."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Every number that an operator tunes, and the teams."""

    alerts: ByAlert
    teams: Teams


class _Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator's file may say of a number; a bare value is short for `{value: …}`."""

    value: int | float | None = None
    reason: str | None = None
    overrides: tuple[Override, ...] | None = None


class _OwnFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operator's file."""

    teams: Teams | None = None
    alerts: dict[str, dict[str, int | float | _Own]] = {}


def load(own: Path | None = None, values: Mapping[str, str] | None = None) -> Thresholds:
    """The shipped numbers, changed by an operator's file and by single values (`queue_backlog.depth` to `500`)."""
    shipped: ByAlert = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        shipped |= _read(path, ByAlert)
    found = Thresholds(alerts=shipped, teams=Teams(default="sre"))
    if own is not None:
        found = _with_file(found, own)
    for name, text in (values or {}).items():
        found = _with_value(found, name, text)
    return found


def _with_file(thresholds: Thresholds, path: Path) -> Thresholds:
    file = _read(path, _OwnFile)
    alerts = {alert: dict(numbers) for alert, numbers in thresholds.alerts.items()}
    for alert, numbers in file.alerts.items():
        for name, change in numbers.items():
            known = _known(thresholds, f"{path}: alerts.{alert}.{name}", alert, name)
            alerts[alert][name] = _changed(known, change if isinstance(change, _Own) else _Own(value=change))
    return Thresholds(alerts=alerts, teams=file.teams or thresholds.teams)


def _with_value(thresholds: Thresholds, name: str, text: str) -> Thresholds:
    alert, _, number = name.partition(".")
    known = _known(thresholds, f"--set {name}={text}", alert, number)
    try:
        value = msgspec.json.decode(text, type=int | float)
    except msgspec.DecodeError:
        raise ThresholdError(f"--set {name}={text}: expected a number of {known.unit}") from None
    changed = {**thresholds.alerts[alert], number: _changed(known, _Own(value=value))}
    return msgspec.structs.replace(thresholds, alerts={**thresholds.alerts, alert: changed})


def _known(thresholds: Thresholds, place: str, alert: str, name: str) -> Number:
    numbers = thresholds.alerts.get(alert)
    if numbers is None:
        raise ThresholdError(
            f"{place}: no alert has these thresholds; known are {', '.join(sorted(thresholds.alerts))}"
        )
    if name not in numbers:
        raise ThresholdError(f"{place}: no such number; {alert} has {', '.join(numbers) or 'none'}")
    return numbers[name]


def _changed(number: Number, own: _Own) -> Number:
    given = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
    return msgspec.structs.replace(number, **given)


def _read(path: Path, wanted: Any) -> Any:
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=wanted)
    except OSError as error:
        raise ThresholdError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ThresholdError(f"{path}: {error}") from error
