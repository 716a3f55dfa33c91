"""Facts of the provider's bill: which files are the bill of a month, and each of their lines."""

from decimal import Decimal

from collector.core.model import Fact, Instant


class BillImport(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """The imported bill of one provider, account and month; a later import replaces it with all its lines."""

    month: int
    """Days since 1970-01-01 of the month's first day."""
    provider: str
    account: str
    version: int
    """Time of the import, Unix milliseconds: the `load` of its lines."""
    files: list[str]
    format: str
    lines: int
    bad: int
    """Lines that could not be read and were accepted as missing."""
    totals: dict[str, str]
    """Sum of all lines by currency, exact, as text."""
    final_at: Instant | None
    """From when on the provider does not change the month; None: not known, so until its invoice the bill is provisional."""
    notes: list[str]


class BillLine(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """One line of the provider's bill, in the same words for every provider."""

    month: int
    """Days since 1970-01-01 of the billed month's first day; the use may lie in another month."""
    provider: str
    account: str
    load: int
    """The import's time."""
    ordinal: int
    """Number of the line in its import, from 1."""
    version: int
    file_name: str
    row: int
    """Line of the file, or number of the record."""
    line_id: str
    """The provider's own name of the line; providers do not keep it between exports."""
    kind: str
    """usage, refund, rounding, commitment, tax, credit, adjustment, purchase, fee, split."""
    instance: str
    """Id of what is billed, as the bill spells it."""
    pod: str
    """What names the pod: an instance id of ECI or ACS, a pod's uid, or `namespace-name`; empty: the line names no pod."""
    product: str
    item: str
    meter: str
    """vcpu, memory, gpu, ephemeral, instance_type; empty: none of them."""
    region: str
    spec: str
    begin: Instant | None
    end: Instant | None
    quantity: Decimal | None
    unit: str
    unit_seconds: int
    """Seconds in the unit of the quantity: 1, 60, 3600; 0: not a unit of time."""
    list_price: Decimal | None
    list_amount: Decimal | None
    discount: Decimal | None
    amount: Decimal
    """To pay, before tax; negative: a refund or a credit."""
    currency: str
    tags: dict[str, str]
    other: dict[str, str]
    """Columns without a place of their own, as text."""
