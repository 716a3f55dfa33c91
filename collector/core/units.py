"""
Units of time in milliseconds, and the decimal constants that amounts are computed with.

Nothing here imports another module of this project.
"""

from decimal import Decimal

MINUTE_MS = 60_000
QUARTER_MS = 900_000
"""A quarter of an hour: the midnights of all time zones fall on quarters of an hour."""
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

ZERO = Decimal(0)
ONE = Decimal(1)

MAX_AMOUNT = Decimal(999_999_999)
"""The largest number of cores or GPUs: columns of quantities keep nine digits before the point and nine after it."""
MAX_BYTES = Decimal(2**63 - 1)
"""The largest number of bytes that a column holds. The API server checks each quantity, but not the sum of several."""
