"""
Values of a bill as they are written there: amounts, months, instants, units, tags. Money is read from text, never a float.

Texts that repeat in thousands of lines are read once.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache

import msgspec

from collector.bills.errors import BadRowError
from collector.core.cost.billing_days import day_of
from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.model import Instant
from collector.core.units import ONE

CHINA = timezone(timedelta(hours=8))
"""Bills of Alibaba Cloud name no zone; they are in this one."""
_MONEY = re.compile(r"[+-]?(?:\d{1,20}|\d{1,3}(?:,\d{3}){1,6})(?:\.\d{0,40})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_SHORT = re.compile(r"-?\d{1,18}(?:\.\d{0,18})?", re.ASCII)
"""Amounts that need no rounding."""
_MOST = Decimal(10) ** 19
LEAST = -18
"""Exponent of the last place that is kept."""
_SLASHED = re.compile(r"(\d\d?)/(\d\d?)/(\d{4})", re.ASCII)
_MONTH = re.compile(r"(\d{4})-?(\d\d)(?:$|-?\d\d(?:$|[T ]))", re.ASCII)

_UNIT_WORDS = (
    (re.compile(r"(?:^|[^a-z])(?:seconds?|secs?|s)$|秒$"), 1),
    (re.compile(r"(?:^|[^a-z])(?:minutes?|mins?)$|分钟$"), 60),
    (re.compile(r"(?:^|[^a-z])(?:hours?|hrs?|h)$|小时$"), 3600),
)
_METERS = (
    (re.compile(r"gpu|显卡"), "gpu"),
    (re.compile(r"ephemeral|disk|storage|存储|磁盘"), "ephemeral"),
    (re.compile(r"vcpu|mcpu|(?:^|[^a-z])cpu"), "vcpu"),
    (re.compile(r"mem|gb-hours|内存"), "memory"),
    (re.compile(r"instance ?type|ecs\.|实例规格"), "instance_type"),
)
_POD_ARN = re.compile(r"arn:aws[\w-]*:eks:[\w-]*:\d*:pod/[^/]+/[^/]+/[^/]+/([0-9a-fA-F-]{36})")
_GROUP = re.compile(r"/providers/microsoft\.containerinstance/containergroups/([^/]+)$", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def money(text: str) -> Decimal:
    """An amount, exact to 18 places."""
    if _SHORT.fullmatch(text):
        return Decimal(text)
    if not _MONEY.fullmatch(text):
        raise BadRowError(f"{text[:40]!r} is not an amount")
    value = CONTEXT.create_decimal(text.replace(",", ""))
    if abs(value) >= _MOST:
        raise BadRowError(f"{text[:40]!r} is larger than any amount")
    _, _, places = value.as_tuple()
    if places > 0 or places < LEAST:  # type: ignore[operator]  # the pattern admits numbers only
        return CONTEXT.quantize(value, PLACES if places < 0 else ONE)  # type: ignore[operator]
    return value


def money_or_none(text: str | None) -> Decimal | None:
    """An amount; an empty text is unknown, never 0."""
    return money(text) if text else None


@lru_cache(maxsize=1024)
def month(text: str) -> int:
    """The first day of the month in `2026-11`, `202611`, or any date, as days since 1970-01-01."""
    try:
        if found := _SLASHED.match(text):
            return day_of(date(int(found[3]), int(found[1]), 1))
        if found := _MONTH.match(text):
            return day_of(date(int(found[1]), int(found[2]), 1))
    except ValueError:
        pass
    raise BadRowError(f"{text[:40]!r} is not a month")


@lru_cache(maxsize=65_536)
def instant(text: str, zone: tzinfo = UTC) -> Instant | None:
    """An instant; a text without an offset is in the bill's zone, an empty one is unknown."""
    if not text:
        return None
    if found := _SLASHED.fullmatch(text):
        text = f"{found[3]}-{found[1]:0>2}-{found[2]:0>2}"
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return max(int(moment.timestamp() * 1000), 0)
    except (ValueError, OverflowError):
        raise BadRowError(f"{text[:40]!r} is not a time") from None


@lru_cache(maxsize=4096)
def unit_seconds(unit: str) -> int:
    """Seconds in a unit like `GB-Hours`, `1 Hour` or `元/秒`; 0: not a unit of time."""
    plain = unit.partition(":")[0].strip().casefold()
    return next((seconds for words, seconds in _UNIT_WORDS if words.search(plain)), 0)


@lru_cache(maxsize=4096)
def meter(item: str) -> str:
    """What a billing item measures; empty: none of our meters."""
    plain = item.casefold()
    return next((name for words, name in _METERS if words.search(plain)), "")


def pod_named(resource: str) -> str:
    """What names a pod in the id of a resource; empty: the id names no pod."""
    if resource.startswith(("eci-", "acs-")):
        return resource
    if found := _POD_ARN.fullmatch(resource):
        return found[1]
    found = _GROUP.search(resource)
    return found[1].lower() if found else ""


@lru_cache(maxsize=4096)
def tags(text: str) -> dict[str, str]:
    """Tags as `k:v;k2:v2`, as `key:k value:v; key:k2 value:v2`, or as a JSON object, whose braces may be missing."""
    plain = text.strip()
    if plain.startswith(("{", '"')):
        try:
            found = msgspec.json.decode(plain if plain.startswith("{") else f"{{{plain}}}")
        except msgspec.DecodeError:
            return {"": plain[:256]}
        return {str(key): "" if value is None else str(value) for key, value in found.items()}
    pairs: dict[str, str] = {}
    for part in filter(None, map(str.strip, plain.split(";"))):
        if spelled := re.fullmatch(r"key:(.*?) value:(.*)", part):
            pairs[spelled[1]] = spelled[2]
        else:
            key, _, value = part.partition(":")
            pairs[key] = value
    return pairs
