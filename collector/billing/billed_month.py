"""What the imported bill of a month says of each product: in place of amounts that a user types."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from collector.billing.bill_import import imports, is_provisional, provisional_until
from collector.billing.bill_match import FATES, bill_parts, fates
from collector.billing.queries import charges, run_month
from collector.billing.reconcile import SHARED, WHOLE
from collector.billing.runs import RepricingError
from collector.core.cost.billing_days import date_of
from collector.core.cost.meters import total
from collector.core.facts.bills import Period
from collector.settings.bill import BillRule
from collector.store.clickhouse import Store

BY_PRODUCT = f"""
    SELECT c.product AS product, sum(f.amount) FROM {FATES} AS f INNER JOIN (
        SELECT pod_uid, any(product) AS product FROM {charges("entry = 0")} GROUP BY pod_uid
    ) AS c ON f.pod_uid = c.pod_uid
    WHERE f.fate = 'matched' AND f.currency = {{currency:String}} GROUP BY product ORDER BY product
"""


class BilledMonth(NamedTuple):
    """The imported bill of a month."""

    amounts: dict[str, Decimal]
    """By product of its pods; WHOLE is the whole bill, SHARED what rules share."""
    provisional: str
    """Until when the bill may change; empty: it is final."""


def billed_month(store: Store, period: Period, rules: Sequence[BillRule], currency: str) -> BilledMonth:
    """Reads the imported bill of a month; RepricingError if there is none in the currency."""
    name = f"{date_of(period.month):%Y-%m}"
    bills = imports(store, period.month)
    if not bills:
        raise RepricingError(f"no bill of {name} is imported; see `lynceus bill import`, or give --billed")
    parts = bill_parts(store, period.month, rules)
    own = [part for part in parts if part.currency == currency]
    if not own:
        others = ", ".join(sorted({part.currency for part in parts}))
        raise RepricingError(f"the bill of {name} is in {others}, but `currency` is {currency}; give --billed")
    sql, bound = fates(rules)
    bound |= run_month(period.active_run, period.month, currency=currency)
    amounts = dict(store.query_rows(BY_PRODUCT.replace(FATES, sql), bound))
    shared = [part.amount for part in own if part.fate == "shared"]
    if shared:
        amounts[SHARED] = total(shared)
    amounts[WHOLE] = total(part.amount for part in own)
    return BilledMonth(amounts, "; ".join(provisional_until(bill) for bill in bills if is_provisional(bill)))
