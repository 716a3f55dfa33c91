"""
docs/reference/focus.md, from the declared columns of the FOCUS export.
"""

from collector.catalog.focus import FocusColumn, Support
from collector.catalog.focus_columns import COLUMNS
from generate.markdown import code, page, table

INTRODUCTION = """
`lynceus export focus` writes what departments pay in the format of [FOCUS](https://focus.finops.org) 1.2,
dataset CostAndUsage, with the columns of 1.3 for split costs.

```
lynceus export focus --month 2026-10 --format csv --out october.csv
lynceus export focus --from 2026-10-01 --to 2026-10-08 --out bills      # bills/2026/10/01/charges-001.parquet ...
lynceus export focus --month 2026-10 --grain pod --out pods             # a row per pod and meter
```

**The sum of BilledCost is what the statement has to pay, the sum of EffectiveCost its exact cost, to the last digit**,
of each department too (`x_Department`). The command prints both sums, and differences to the statement of an open month.
A column without a value is null, never an empty text or 0.
""".strip()

ROWS = """
## Rows

By default a row is one day, department, cluster, namespace, workflow template, meter, price, purchase option and outcome.
`--grain pod` has a row per pod and meter, and the columns marked *pod*.

| `x_CostKind` | ChargeCategory | BilledCost | EffectiveCost | one row is |
|---|---|---|---|---|
| `usage` | Usage | cost | cost | pods at their own price |
| `used` | Usage | 0 | amount of the commitment | the part of pods that a commitment pays |
| `purchase` | Purchase | amount | 0 | what is paid for a commitment, used or not |
| `unused` | Usage | 0 | amount | a department's part of what nothing used |
| `rounding` | Adjustment | difference | 0 | what the provider's rounding of each pod adds |
| `correction` | Usage, class Correction | difference | difference | an entry that corrects a locked month |
| `fee` | Usage, negative: Credit | part | part | a department's part of a fee |
| `idle` | Usage | part | part | a department's part of idle nodes |
| `bill` | Usage, negative: Credit | part | part | a department's part of an item of the provider's bill |

Shared costs are parts of one charge: the Allocated columns name the department, and `AllocatedRatio` sums to exactly 1.
Their charge period is the month, so they stand in the file of its first day. A row without AllocatedResourceId is the part
that `unallocated` pays. Shared rows of pods on plain nodes are not split rows: each has its own price.
""".strip()

CONFORMANCE = """
## Conformance

The official validator (`focus-validator` 2.2.1, rules 1.2.0.1) runs over both grains in `make test-focus`, with
every kind of row. The criteria claimed:

{criteria}

These rules fail for every file, since another rule asks for the opposite:

- `InvoiceId-C-005-C` wants a value in each row, `InvoiceId-C-004-C` none.
- `CommitmentDiscountStatus-C-004-C` wants a value where CommitmentDiscountId is null, `CommitmentDiscountStatus-C-003-C` none.

The second one fails only where COMMITMENT_DISCOUNT_SUPPORTED is claimed. The rules that contain it fail with it:
`CommitmentDiscountStatus-C-000-C` and `-002-C`.

The validator skips rules over several rows. Our tests have these:

- Unit price x quantity differs from ContractedCost and ListCost by less than 1 at the 18th place. Quantities in hours are
  rounded to 18 places, so ContractedCost may differ from EffectiveCost in the last places; EffectiveCost is the exact one.
- EffectiveCost of used and unused commitments is BilledCost of their purchases.
- The parts of a split charge have the same values in all columns but amounts, Allocated columns and ours.

Not from the standard:

- EffectiveCost of a rounding is 0: the standard has no row for a difference between the exact and the billed cost.
- InvoiceIssuerName is the provider: its bill is what departments share.
- Several commitments that paid for one month's usage are one CommitmentDiscountId, as charges do not keep which one paid.
- Where no list price is known, ListCost is the cost by the price book.
- In CSV a name gets a leading apostrophe if a spreadsheet would run it, or a reader would take it for a number.
""".strip()

CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "COMMITMENT_DISCOUNT_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "REGION_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "TAGGING_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
"""Criteria of the validator that the file claims; the test claims the same ones."""
HEADINGS: dict[str, tuple[Support, ...]] = {
    "Columns of FOCUS 1.2": ("mandatory", "conditional", "recommended"),
    "Columns of FOCUS 1.3": ("1.3",),
    "Our own columns": ("custom",),
}


def build() -> str:
    """The page."""
    return page(
        title="FOCUS",
        source="`collector/catalog/focus_columns.py`",
        parts=[
            INTRODUCTION,
            ROWS,
            CONFORMANCE.format(criteria=", ".join(map(code, CRITERIA))),
            *(part for heading, support in HEADINGS.items() for part in _section(heading, support)),
        ],
    )


def _section(heading: str, support: tuple[Support, ...]) -> tuple[str, str]:
    columns = [column for column in COLUMNS if column.support in support]
    return f"## {heading}", table(("column", "type", "in FOCUS", "content"), map(_row, columns))


def _row(column: FocusColumn) -> tuple[str, ...]:
    kinds = {"decimal": "decimal", "instant": "date and time", "word": "text", "text": "text", "json": "JSON"}
    about = f"{column.about} *(pod)*" if column.per_pod else column.about
    return code(column.name), kinds[column.kind], column.support, about
