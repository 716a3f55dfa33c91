"""
Kubernetes quantities as Decimal.

This is a separate parser since that of the kubernetes package accepts NaN, Infinity, 1_000 and unlimited exponents. Syntax
and bounds here are those of the API.
"""

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_FORM = re.compile(
    r"([+-]?(?:\d{1,40}|\d{1,40}\.\d{0,20}|\.\d{1,20}))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d{1,2})?"
)
_SUFFIX: dict[str | None, Decimal] = {
    None: Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(10**3),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    **{f"{prefix}i": Decimal(1024**power) for power, prefix in enumerate("KMGTPE", start=1)},
}  # fmt: skip
_LIMIT = Decimal(2**63)
_NANO = Decimal("1e-9")
"""Finest unit of the API, which rounds up to it."""
GIB = Decimal(1024**3)


@lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Decimal | None:
    """Parse a quantity; None: invalid, negative, or larger than the API allows."""
    match = _FORM.fullmatch(text)
    if match is None or not text.isascii():
        return None
    number, suffix = match.groups()
    scale = _SUFFIX.get(suffix) or Decimal(f"1{suffix}")
    amount = Decimal(number) * scale
    return amount.quantize(_NANO, ROUND_CEILING) if 0 <= amount < _LIMIT else None
