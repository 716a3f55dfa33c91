"""Builders of price books and specs for the tests of collector/prices."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import yaml

from collector.core.cost.billed_spec import Spec
from collector.core.cost.meters import Rates
from collector.prices import book
from collector.prices.lookup import Books
from tests.builders import at

NOV = at("2026-11-22T12:00:00")
PRODUCT = {
    "id": "alibaba-eci", "provider": "Alibaba Cloud", "service": "ECI", "detect": [{"key": "mine"}],
    "size": {"annotations": ["spec"]}, "interval": {"begin": [{"at": "scheduled"}]},
}  # fmt: skip
JANUARY = {"from": "2025-01-01"}


def row(**changes: Any) -> dict[str, Any]:
    """A vCPU price and a memory price; None removes a field."""
    base = {"per": "second", "vcpu": "0.0000077", "memory": "0.00000096", "from": "2024-01-01", "source": "test"}
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


def typed(**changes: Any) -> dict[str, Any]:
    """The price of an instance type."""
    base = {"vcpu": None, "memory": None, "per": "hour", "type": "ecs.c6.large", "instance_type": "0.06"}
    return row(**{**base, **changes})


def text(*rows: Mapping[str, Any], **changes: Any) -> bytes:
    """A book of ECI; default: one row."""
    whole = {"id": "mine", "version": "1", "currency": "USD", "product": PRODUCT, "sources": {"test": "by hand, today"}}
    fields = {**whole, "prices": [*map(dict, rows)] or [row()], **changes}
    return yaml.safe_dump({k: v for k, v in fields.items() if v is not None}, sort_keys=False).encode()


def own(*rows: Mapping[str, Any], extends: str = "mine", **changes: Any) -> bytes:
    """A user's file that extends another book."""
    return text(
        *rows, **{"id": "own", "extends": extends, "product": None, "currency": None, "prices": [*rows], **changes}
    )


def books(folder: Path, *texts: bytes, currency: str = "USD", shipped: tuple[str, ...] = ()) -> Books:
    """Files put together."""
    names = [f"book{i}.yaml" for i in range(len(texts))]
    for name, content in zip(names, texts, strict=True):
        (folder / name).write_bytes(content)
    return book.load([*shipped, *names], folder, currency)


def eci(**changes: Any) -> Spec:
    """2 vCPU and 4 GiB of ECI in Hangzhou."""
    spec = Spec(
        product="alibaba-eci",
        purchase="on_demand",
        price_class="general-purpose",
        region="cn-hangzhou",
        vcpu=Decimal(2),
        memory_gib=Decimal(4),
    )
    return msgspec.structs.replace(spec, **changes)


def by_type(**changes: Any) -> Spec:
    """An instance type of ECI in a zone of Hangzhou."""
    base = {"vcpu": Decimal(0), "memory_gib": Decimal(0), "instance_type": "ecs.c6.large", "zone": "cn-hangzhou-i"}
    return eci(**{**base, **changes})


def prices(rates: Rates) -> list[str] | str:
    """Unit prices of rates, or the reason why there are none."""
    return rates.missing or [f"{rate.unit_price:f}" for rate in rates.rates]
