"""
A bill in any other form, by a mapping that its reader writes in YAML: which header is which of our columns.

A mapping is data. It names a provider, the headers, texts of columns that the bill lacks, and the words of lines that are
no usage.
"""

from pathlib import Path
from typing import Literal

import msgspec

from collector.bills.errors import BillError
from collector.bills.form import KINDS, BillForm, LineCost, Row
from collector.bills.values import money, money_or_none

MOST_BYTES = 1 << 20
_NAMES = (
    "month account line_id type instance product item region spec begin end quantity unit list_price list_amount discount "
    "amount currency tag"
)
COLUMNS = tuple(_NAMES.split())
NEEDED = ("month", "amount", "currency")


class Mapped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a mapping file."""

    provider: str
    columns: dict[str, str]
    """The bill's header by our column."""
    constants: dict[str, str] = {}
    """Texts of our columns that the bill lacks, like `{currency: EUR}`."""
    kinds: dict[str, str] = {}
    """Our kind by the text in the column `type`; all other lines are usage."""
    refunds: Literal["negative", "either"] = "negative"
    """`either`: the bill may write refunds as positive amounts; a bill that mixes both is refused."""


def read_mapping(path: Path) -> BillForm:
    """The form of a mapping file; BillError names the key and the remedy."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BillError(f"--mapping {path}: cannot be read: {error.strerror}") from None
    if len(text) > MOST_BYTES:
        raise BillError(f"--mapping {path}: is longer than 1 MiB; a mapping is a page")
    try:
        mapped = msgspec.yaml.decode(text, type=Mapped)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BillError(f"--mapping {path}: {' '.join(str(error).split())}") from None
    return form_of(mapped, str(path))


def form_of(mapped: Mapped, path: str) -> BillForm:
    """The form that a mapping describes."""
    for part, known in (("columns", COLUMNS), ("constants", COLUMNS)):
        for name in getattr(mapped, part):
            if name not in known:
                raise BillError(f"--mapping {path}: {part}.{name}: unknown; choose one of {', '.join(known)}")
    for name in NEEDED:
        if name not in mapped.columns and name not in mapped.constants:
            raise BillError(f"--mapping {path}: columns.{name}: is missing; name the bill's header for it")
    for word, kind in mapped.kinds.items():
        if kind not in KINDS:
            raise BillError(f"--mapping {path}: kinds.{word}: {kind!r} is unknown; choose one of {', '.join(KINDS)}")

    def cost(row: Row, invoiced: bool) -> LineCost:  # noqa: ARG001  # the file itself is one of both
        listed, discount = money_or_none(row.get("list_amount")), money_or_none(row.get("discount"))
        return LineCost(mapped.kinds.get(row.get("type", ""), "usage"), money(row.get("amount", "")), listed, discount)

    return BillForm(
        name="mapping",
        provider=mapped.provider,
        columns={ours: (header,) for ours, header in mapped.columns.items()},
        needs=tuple(mapped.columns),
        cost=cost,
        constants=mapped.constants,
        signs=mapped.refunds == "either",
    )
