"""
Rows of the FOCUS export, as subqueries: charges by meter, and shared costs of the statement with their exact ratios.

Price books are not read: usage, corrections and rounding are those of `cost_current`, shared costs those of
`statement_current`. Every cut is made in whole units of the 18th place, so that the parts of a charge always sum to it.

A charge that a commitment pays in part has rows `used` (that part) and `usage` (the rest). What is paid for the
commitment is a row `purchase`, so the amount to pay stays the same and is not counted twice.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from collector.catalog.bills import IS_SHARED
from collector.catalog.schema import DATABASE

Grain = Literal["day", "pod"]

KEYS = ("department", "cluster", "namespace", "template", "product", "region", "purchase", "instance_type", "currency")
"""What a row of the default grain is one of, beside day, class, prices and meter."""
PRICES = ("price_book", "rule", "corrects")
POD_KEYS = ("project", "pod_uid", "workflow_uid", "workflow_name", "step", "node_name")
LINE = ("kind", "meter", "unit", "unit_price", "quantity", "own", "listed", "billed", "effective")
"""Fields of a line."""
AMOUNTS = ("quantity", "own", "listed", "billed", "effective")
"""Amounts of a line: quantity, cost by the price book, by list prices, to pay, exact."""
ZERO = "toDecimal128(0, 18)"


def _units(amount: str) -> str:
    """SQL of an amount in units of the 18th place, wide enough for products."""
    return f"toInt256(reinterpretAsInt128(CAST({amount} AS Decimal(38, 18))))"


def _money(units: str) -> str:
    return f"reinterpret(toInt128({units}), 'Decimal(38, 18)')"


def _cut(amount: str) -> str:
    """SQL of the parts of an amount for the meters, by cost: differences of a running sum, so that they sum to it."""
    running = f"arrayMap(step -> intDiv({_units(amount)} * step, steps[-1]), steps)"
    before = f"arrayPopBack(arrayPushFront({running}, toInt256(0)))"
    return f"arrayMap((to_here, to_last) -> to_here - to_last, {running}, {before})"


def _covered_part(field: str) -> str:
    """SQL of the part of each meter's quantity or cost that commitments cover."""
    product = f"{_units(f'm.{field}')} * {_units('covered')}"
    return f"arrayMap(m -> intDiv({product}, greatest({_units('list_price')}, toInt256(1))), lines)"


def _lines(kind: str, amounts: Sequence[str]) -> str:
    """SQL of a line for each meter; the amounts are arrays of units in the order of AMOUNTS."""
    names = ", ".join(f"v{at}" for at in range(len(amounts)))
    values = ", ".join(_money(f"v{at}") for at in range(len(amounts)))
    line = f"('{kind}', m.meter, m.unit, m.unit_price, {values})"
    return f"arrayMap((m, {names}) -> {line}, lines, {', '.join(amounts)})"


def _line(kind: str, amounts: Sequence[str], *, meter: str = "''", unit: str = "''", price: str = ZERO) -> str:
    """SQL of one line that is of no meter; the amounts in the order of AMOUNTS."""
    values = ", ".join(f"CAST({amount} AS Decimal(38, 18))" for amount in amounts)
    return f"('{kind}', {meter}, {unit}, {price}, {values})"


_NOTHING = "arrayMap(m -> toInt256(0), lines)"
_REST_QUANTITY = f"arrayMap((m, c) -> {_units('m.quantity')} - c, lines, {_covered_part('quantity')})"
_REST_OWN = f"arrayMap((m, c) -> {_units('m.cost')} - c, lines, {_covered_part('cost')})"
_USED_LIST = f"if(list_price = own_price, {_covered_part('cost')}, {_cut('covered')})"
_REST_LIST = f"if(list_price = own_price, {_REST_OWN}, {_cut('list_price - covered')})"
_OF_METERS = """
    arrayMap((m, at) -> ('usage', m.meter, m.unit, m.unit_price, m.quantity, m.cost, m.cost,
        m.cost + if(at = length(lines), paid - own_price, toDecimal128(0, 18)) AS exact_cost, exact_cost),
        lines, arrayEnumerate(lines))
"""
"""Lines of a charge at list prices that no commitment covers: the common case, without any division."""
_USED = (_covered_part("quantity"), _covered_part("cost"), _USED_LIST, _NOTHING, _cut("committed"))
_REST = (_REST_QUANTITY, _REST_OWN, _REST_LIST, _cut("paid - committed"), _cut("paid - committed"))
_PURCHASE = _line(
    "purchase",
    (*["committed"] * 4, "0"),
    meter="'commitment'",
    unit="toString(currency)",
    price="toDecimal128(1, 18)",
)
_COVERED = f"arrayConcat({_lines('used', _USED)}, {_lines('usage', _REST)}, [{_PURCHASE}])"
_CORRECTION = _line("correction", ("0", "0", "list_price", "paid", "paid"))
_ROUNDING = _line("rounding", ("0", "0", "0", "rounded - paid", "0"))

METERS = ("meter", "unit", "unit_price")
SUMS = {"quantities": "quantity", "costs": "cost"}
"""Amounts of each meter, and the fields of a meter that they are."""
SCALARS = {
    "paid": "assumeNotNull(cost)",
    "rounded": "ifNull(rounded_cost, assumeNotNull(cost))",
    "covered": f"ifNull(covered_cost, {ZERO})",
    "committed": f"ifNull(committed_cost, {ZERO})",
    "list_price": "ifNull(list_cost, if(entry > 0, assumeNotNull(cost), arraySum(all_meters.cost)))",
}
"""Amounts of a charge."""


def _charges(keys: Iterable[str], where: str) -> str:
    """The subquery of charges with their meters: a row per group of charges that have the same meters and prices."""
    of_meter = [f"any(all_meters.{field}) AS {field}s" for field in METERS]
    summed = [f"sumForEach(all_meters.{field}) AS {name}" for name, field in SUMS.items()]
    scalars = [f"sum({value}) AS {name}" for name, value in SCALARS.items()]
    alike = f"sipHash128({', '.join(f'all_meters.{field}' for field in METERS)})"
    return f"""
        SELECT {_list(keys)}day, `class` AS outcome, entry > 0 AS corrected,
            ifNull(covered_cost > 0, 0) AS is_covered, {", ".join((*of_meter, *summed, *scalars))}
        FROM (SELECT *, {_ALL_METERS} AS all_meters FROM {DATABASE}.cost_current WHERE cost IS NOT NULL AND {where})
        GROUP BY {_list(keys)}day, outcome, corrected, is_covered, {alike}
    """


def _one_meter(*values: str) -> str:
    """SQL of the meters of a charge that has none."""
    return f"CAST([({', '.join(values)})], '{_METERS_TYPE}')"


_MONEY = "Decimal(38, 18)"
_METERS_TYPE = f"Array(Tuple(meter String, quantity {_MONEY}, unit String, unit_price {_MONEY}, cost {_MONEY}))"
_WHOLE = _one_meter("'charge'", "toDecimal128(1, 18)", "'Charges'", "assumeNotNull(cost)", "assumeNotNull(cost)")
_ALL_METERS = f"""
    multiIf(entry > 0, {_one_meter("''", ZERO, "''", ZERO, ZERO)}, empty(meters), {_WHOLE}, meters)
"""


PLAN = """
    ifNull(nullIf({plans:Array(String)}[indexOf({currencies:Array(String)}, toString(currency))], ''), 'commitment')
"""


def charge_rows(grain: Grain, where: str) -> str:
    """The subquery of charges as rows: one per group and meter, or one per pod and meter."""
    keys = [*KEYS, *PRICES, *((*POD_KEYS, "attempt") if grain == "pod" else ())]
    # Weights of a cut: the costs of the meters, or equal parts where all of them are 0.
    steps = f"arrayCumSum(arrayMap(m -> if(own_price = 0, toInt256(1), {_units('m.cost')}), lines))"
    lines = f"CAST(arrayZip(meters, quantities, units, unit_prices, costs), '{_METERS_TYPE}')"
    of_charge = f"multiIf(corrected, [{_CORRECTION}], covered = 0 AND list_price = own_price, {_OF_METERS}, {_COVERED})"
    rounding = f"if(rounded = paid, [], [{_ROUNDING}])"
    named = ", ".join(f"line.{at} AS {name}" for at, name in enumerate(LINE, 1))
    return f"""
        SELECT {_list(keys)}day, outcome, {_absent(grain)} {named},
            toStartOfMonth(day) AS month, if(corrects > toDate(0), corrects, day) AS period_begin,
            period_begin + 1 AS period_end, product AS origin, '' AS what, '' AS basis, {ZERO} AS weight, {ZERO} AS ratio,
            {PLAN} AS commitment
        FROM (
            SELECT {_list(keys)}day, outcome, arrayJoin(arrayConcat({of_charge}, {rounding})) AS line
            FROM (
                SELECT *, {lines} AS lines, arraySum(costs) AS own_price, {steps} AS steps
                FROM ({_charges(keys, where)})
            )
        ) WHERE quantity != 0 OR billed != 0 OR effective != 0
    """


def _absent(grain: Grain) -> str:
    """SQL of the fields that a row of the default grain has not."""
    return "" if grain == "pod" else "".join(f"'' AS `{key}`, " for key in POD_KEYS) + "0 AS attempt,"


_SPLIT = "PARTITION BY month, cost_kind, what, price_book, currency, amount > 0"
"""What a split charge is one of: a charge and a refund of the same name are two."""
_ONE = "toInt256('1000000000000000000')"
_TEXTS = ("department", "what", "cluster", "product", "currency", "rule")
_LINES = f"""
    SELECT {", ".join(f"toString({name}) AS {name}" for name in _TEXTS)}, toString(kind) AS cost_kind,
        toString(book) AS price_book, if(basis = '', 'own', toString(basis)) AS basis, month, weight, amount,
        {_units("abs(amount)")} AS parts, sum(parts) OVER ({_SPLIT}) AS all_parts
    FROM {DATABASE}.statement_current
    WHERE {IS_SHARED} AND month = {{month:Date}}
"""
_CUT = f"""
    SELECT *, intDiv(parts * {_ONE}, all_parts) AS cut, {_ONE} - sum(cut) OVER ({_SPLIT}) AS missing,
        row_number() OVER ({_SPLIT} ORDER BY parts * {_ONE} % all_parts DESC, department, cluster, product) AS place
    FROM ({_LINES})
"""
SHARED_ROWS = f"""
    SELECT *, {_money("cut + (place <= missing)")} AS ratio,
        arrayJoin(if(cost_kind = 'commitment', ['unused', 'purchase'], [cost_kind])) AS kind,
        if(kind = 'unused', {ZERO}, amount) AS billed, if(kind = 'purchase', {ZERO}, amount) AS effective,
        amount AS quantity, amount AS own, amount AS listed, cost_kind AS meter, currency AS unit,
        toDecimal128(1, 18) AS unit_price, if(cost_kind = 'commitment', what, '') AS commitment,
        {"".join(f"'' AS `{key}`, " for key in ("namespace", "template", "region", "purchase", "instance_type", "outcome"))}
        {_absent("day")} toDate(0) AS corrects, month AS day, month AS period_begin, addMonths(month, 1) AS period_end,
        splitByChar('/', price_book)[1] AS book_id, if(book_id IN {{known:Array(String)}}, book_id, '') AS origin
    FROM ({_CUT})
"""
"""
The subquery of a month's shared costs as rows: one per line of the statement, and for unused commitments another one for
what is paid for them. The ratios of a charge are cut to 18 places; the missing units go to the largest remainders.
"""


def _list(columns: Iterable[str]) -> str:
    return "".join(f"`{column}`, " for column in columns)
