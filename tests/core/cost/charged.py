"""Pods and their charges at the shipped books: shared by the tests of core/cost."""

from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from collector.core.cost import charge as billing
from collector.core.cost.billed_spec import Spec
from collector.core.cost.charge import Prices
from collector.core.cost.meters import Rates
from collector.core.facts.bills import PodCost, PodRun
from collector.core.model import Instant
from collector.prices import book
from collector.prices.lookup import Books
from collector.settings.model import Settings
from tests.builders import (
    ACS_2C8G,
    DAY,
    NOON,
    SECOND,
    a_pod_run,
)

UTC = ZoneInfo("UTC")
ACS = "alibabacloud.com/"
ECI = "k8s.aliyun.com/eci-"


@cache
def shipped() -> Books:
    """Books that are loaded by default."""
    return book.load(Settings().prices, Path())


def charge(
    run: PodRun,
    *,
    zone: str = "UTC",
    until: Instant = NOON + 1000 * DAY,
    payer: Any = None,
    books: Prices | None = None,
    **more: Any,
) -> list[PodCost]:
    """The charges of a pod, one a billing day."""
    return billing.charges(run, payer, books or shipped(), ZoneInfo(zone), until, **more)


def only(run: PodRun, **more: Any) -> PodCost:
    """The charge of a pod that falls on one day."""
    (day,) = charge(run, **more)
    return day


def pod(seconds: int = 3600, begin: Instant = NOON, pending: int = 0, **changes: Any) -> PodRun:
    """A pod that is billed for a number of seconds; its main container starts at once or later."""
    return a_pod_run(
        **{
            "created_at": begin,
            "scheduled_at": begin,
            "instance_created_at": begin,
            "main_started_at": begin + pending * SECOND,
            "finished_at": begin + seconds * SECOND,
            **changes,
        }
    )


class Fixed:
    """Books with fixed rates for every spec; products as shipped."""

    def __init__(self, *rates: Rates) -> None:
        self.products = shipped().products
        self.rates = rates
        self.lookups: list[tuple[Spec, Instant]] = []

    def look_up(self, spec: Spec, at: Instant) -> Rates:
        self.lookups.append((spec, at))
        if spec.missing:
            return Rates("b", "", "USD", missing=spec.missing)
        return next(r for r in self.rates if r.until is None or at < r.until)


def eci(spec: str, **marks: str) -> dict[str, str]:
    """The marks of a pod on ECI; further ones without their prefix."""
    return {ECI + "instance-id": "eci-1", ECI + "instance-spec": spec, **{ECI + k: v for k, v in marks.items()}}


def acs(compute_class: str = "general-purpose", qos: str = "default") -> dict[str, str]:
    """The marks of a pod of 2 vCPU and 8 GiB on ACS."""
    return {**ACS_2C8G, ACS + "acs": "true", ACS + "compute-class": compute_class, ACS + "compute-qos": qos}
