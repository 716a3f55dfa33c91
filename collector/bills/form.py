"""
A provider's bill as data: which headers mean which of our columns, and how its lines are counted.

Headers are found by name in any order; upper and lower case, spaces and underscores do not matter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import NamedTuple

from collector.core.units import ZERO

Row = Mapping[str, str]
"""The texts of a line by our column's name; columns without one by the bill's."""

KINDS = ("usage", "refund", "rounding", "commitment", "tax", "credit", "adjustment", "purchase", "fee", "split")
_NAMES = (
    "month provider account line_id type instance product item region spec begin end quantity unit list_price "
    "list_amount discount coupon amount currency tag credit part"
)
COLUMNS = frozenset(_NAMES.split())
"""Our columns that have a place in a line."""


class LineCost(NamedTuple):
    """What a line is, and what it costs."""

    kind: str
    amount: Decimal
    list_amount: Decimal | None = None
    discount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillForm:
    """One format of a bill."""

    name: str
    provider: str
    """Empty: each line names it."""
    columns: Mapping[str, tuple[str, ...]]
    """The spellings of our columns, the most trusted first; a header is one column, the first here that wants it."""
    needs: tuple[str, ...]
    """Our columns by which the format is recognised: all of them are in the header."""
    cost: Callable[[Row, bool], LineCost]
    """The cost of a line; the flag asks for what is invoiced instead of the amortised cost."""
    zone: tzinfo = UTC
    """Of times without an offset."""
    implied: tuple[tuple[str, str], ...] = ()
    """The currency that a column of the bill implies where none is named."""
    escape: str | None = None
    """The character that escapes quotes in CSV, beside doubled quotes."""
    signs: bool = False
    """Whether refunds may be written as positive amounts."""
    providers: Mapping[str, str] = field(default_factory=dict)
    """Our name of a provider by the beginning of the bill's."""
    final: tuple[int, int] | None = None
    """Day and hour of the next month, in `zone`, from when on the provider does not change a month; None: not known."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Texts of columns that the bill lacks."""

    def names(self, header: Sequence[str]) -> tuple[str, ...]:
        """Our names of a bill's columns, in its order; those without one keep the bill's name."""
        ours_at = {place: ours for ours, place in self._places(header).items()}
        return tuple(ours_at.get(i, f"bill.{name}" if name in COLUMNS else name) for i, name in enumerate(header))

    def fits(self, header: Sequence[str]) -> bool:
        """Whether a header has all columns by which the format is recognised."""
        return set(self.needs) <= self._places(header).keys()

    def _places(self, header: Sequence[str]) -> dict[str, int]:
        """Where our columns are in a header."""
        found = {plain(name): i for i, name in reversed(list(enumerate(header)))}
        places: dict[str, int] = {}
        for ours, spellings in self.columns.items():
            at = (found[plain(spelling)] for spelling in spellings if plain(spelling) in found)
            if (place := next((i for i in at if i not in places.values()), None)) is not None:
                places[ours] = place
        return places


def plain(header: str) -> str:
    """A header without case, spaces and underscores."""
    return header.strip().casefold().replace(" ", "").replace("_", "")


def or_zero(value: Decimal | None) -> Decimal:
    """An amount whose absence means that there was none."""
    return ZERO if value is None else value
