"""Tables of the provider's bill: the imports that count, and their lines."""

from collector.catalog import columns as c
from collector.catalog.schema import Table
from collector.core.facts import bill_lines

_MONTH = c.Column("month", "Date", "First day of the billed month", codec="Delta(2), ZSTD(1)")
_PROVIDER = c.low("provider", "Provider that billed: alibaba, aws, azure, google, or the name in the bill")
_ACCOUNT = c.text("account", "Account that is billed, as the bill spells it")
_LOADED = c.Column("version", "UInt64", "Time of the import, Unix milliseconds; the highest counts", codec="ZSTD(1)")

BILL_IMPORT = Table(
    "bill_import",
    bill_lines.BillImport,
    "The imported bill of one provider, account and month; importing again replaces it",
    order_by=("month", "provider", "account"),
    shard_by=(),
    columns=(
        _MONTH,
        _PROVIDER,
        _ACCOUNT,
        _LOADED,
        c.Column("files", "Array(String)", "Files of the import", codec="ZSTD(1)"),
        c.low("format", "Format of the files"),
        c.big("lines", "Lines that were imported"),
        c.big("bad", "Lines that could not be read and were accepted as missing"),
        c.Column("totals", "Map(String, String)", "Exact sum of all lines by currency, as text", codec="ZSTD(1)"),
        c.instant("final_at", "When the provider stops changing the month; NULL: not known", optional=True),
        c.Column("notes", "Array(String)", "What was noticed while reading: one sentence each", codec="ZSTD(1)"),
        c.INSERTED_AT,
    ),
)

BILL_LINE = Table(
    "bill_line",
    bill_lines.BillLine,
    "A line of the provider's bill; those count whose load is the version of their import",
    order_by=("month", "provider", "account", "load", "ordinal"),
    bloom=("pod",),
    shard_by=(),
    columns=(
        _MONTH,
        _PROVIDER,
        _ACCOUNT,
        c.big("load", "Time of the import, Unix milliseconds: the version of bill_import"),
        c.big("ordinal", "Number of the line in its import, from 1"),
        _LOADED,
        c.low("file_name", "File of the line"),
        c.big("row", "Line of the file, or number of the record"),
        c.text("line_id", "The provider's name of the line; it may differ in the next export"),
        c.low("kind", "usage, refund, rounding, commitment, tax, credit, adjustment, purchase, fee, split"),
        c.text("instance", "Id of what is billed, as the bill spells it"),
        c.text("pod", "Instance id, uid or `namespace-name` that names a pod; empty: the line names no pod"),
        c.low("product", "Code or name of the product in the bill"),
        c.low("item", "Billing item, meter or usage type in the bill"),
        c.low("meter", "vcpu, memory, gpu, ephemeral, instance_type; empty: none of them"),
        c.low("region", "Region as the bill spells it"),
        c.low("spec", "Size or instance type as the bill spells it"),
        c.instant("begin", "Begin of the use; NULL: the bill does not state it", optional=True),
        c.instant("end", "End of the use, exclusive; NULL: the bill does not state it", optional=True),
        c.money("quantity", "Billed quantity; NULL: the bill does not state it"),
        c.low("unit", "Unit of the quantity, as the bill spells it"),
        c.count("unit_seconds", "Seconds in the unit; 0: not a unit of time"),
        c.money("list_price", "Price of a unit before discounts; NULL: the bill does not state it"),
        c.money("list_amount", "Amount before discounts; NULL: the bill does not state it"),
        c.money("discount", "Discount and coupons; NULL: the bill does not state them"),
        c.paid("amount", "Amount to pay, before tax; negative: a refund or a credit"),
        c.low("currency", "Currency of all amounts in the row"),
        c.Column("tags", c.LABELS, "Tags of the resource", codec="ZSTD(1)"),
        c.Column("other", c.LABELS, "Columns without a place of their own, as text", codec="ZSTD(1)"),
        c.INSERTED_AT,
    ),
)
