"""
Savings report: what a fixed pool of nodes would have cost instead of serverless pods, and how long pods would have waited.

The bill is that of the pods that are replayed, so both sides are of the same work. What the replay assumes is part of the
report. Below stand two savings that need no replay: of pods that can be taken away, and of sizes that nothing requested.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from collector.catalog.schema import DATABASE
from collector.core.cost.meters import CONTEXT
from collector.core.savings.pool import PoolCurve, PoolNode, PoolPoint, PoolWindow, curve
from collector.core.units import HOUR_MS, MINUTE_MS
from collector.prices.lookup import Books
from collector.reports.beyond_request import beyond_request
from collector.reports.completeness import completeness
from collector.reports.filters import Filter, described
from collector.reports.past_pods import REASONS, REPLAYED, PodsBill, Selection, bills, by_size, for_node, read_pods
from collector.reports.report import NO_VALUE, Query, Report, Span, amount
from collector.reports.sentences import duration, money, places
from collector.reports.spot_savings import spot_savings

COLUMNS = ("nodes", "cost", "currency", "p50 wait s", "p95 wait s", "makespan h", "used %", "cheaper")
DAY_AFTER_MS = 24 * HOUR_MS

ASSUMPTIONS = (
    "assumed: pods arrive as they did, also where an earlier step would have waited: waits of one workflow add up",
    "assumed: pods start in the order of arrival, none overtakes; each on the first node with room for its requests",
    "assumed: a pod runs as long as its main container did; pulling its image takes no time on a node",
    "assumed: nodes are paid for the whole period and are all there for pods; give what the system leaves in --node-size",
)


class PoolQuestion(NamedTuple):
    """What is compared with the bill."""

    node: PoolNode
    longest_ms: int = MINUTE_MS
    """The p95 wait that is still acceptable."""
    filters: tuple[Filter, ...] = ()
    """By which the pods were chosen."""


MEMOIZED = f"""
    SELECT count() FROM {DATABASE}.step_run FINAL
    WHERE memoized AND workflow_created_at >= fromUnixTimestamp64Milli({{from:Int64}})
      AND workflow_created_at < fromUnixTimestamp64Milli({{until:Int64}})
"""


def savings(query: Query, span: Span, chosen: Selection, question: PoolQuestion, books: Books) -> Report:
    """Reports what a pool would have saved, what spot and best effort did save, and what was paid beyond requests."""
    pool = pool_savings(query, span, chosen, question)
    spot, of_spot = spot_savings(query, span.zone, chosen, books)
    sizes, of_sizes = beyond_request(query, chosen)
    memoized = [] if question.filters else _memoized(query, chosen)
    notes = [*pool.notes, *of_spot, *of_sizes, *memoized, completeness(query, span)]
    return replace(pool, parts=[*spot, *sizes], notes=notes)


def _memoized(query: Query, chosen: Selection) -> list[str]:
    ((steps,),) = query(MEMOIZED, chosen.parameters())
    return [f"{steps} steps took their result from a cache (memoized) and needed no pod"] if steps else []


def pool_savings(query: Query, span: Span, chosen: Selection, question: PoolQuestion) -> Report:
    """Reports what pods of a period would have cost and waited for on pools of several sizes, against their bill."""
    node = question.node
    found = for_node(by_size(query, chosen), node.need)
    of_reason = bills(found)
    bill = of_reason[REPLAYED]
    pods = read_pods(query, chosen, found)
    made = curve(pods, node, chosen.window, bill.to_pay)
    return Report(
        title=f"A pool of {node.type} instead of serverless, {span}{_of(question.filters)}",
        columns=COLUMNS,
        rows=[_row(made, point, chosen.currency) for point in made.points],
        notes=[
            answer(made, question, chosen.currency),
            _today(bill, chosen.currency),
            *([_break_even(made)] if made.break_even is not None else []),
            _node_words(node, chosen),
            *_not_replayed(of_reason, chosen.currency),
            *_late_start(pods.arrivals[0] if pods.runs else chosen.window.begin, chosen.window),
            *ASSUMPTIONS,
        ],
        nothing=NO_VALUE,
        rates=frozenset({"cost"}),
    )


def _of(filters: Sequence[Filter]) -> str:
    return f", {described(filters)}" if filters else ""


def _row(made: PoolCurve, point: PoolPoint, currency: str) -> tuple[Any, ...]:
    verdict = "yes" if made.cheaper(point) else "no" if point.done else "not done"
    return (
        point.nodes,
        point.cost,
        currency,
        round(point.p50_ms / 1000),
        round(point.p95_ms / 1000),
        places(Fraction(point.makespan_ms, HOUR_MS)),
        places(100 * point.used),
        verdict,
    )


def answer(made: PoolCurve, question: PoolQuestion, currency: str) -> str:
    """Says in one sentence what to use: a fixed pool, or serverless."""
    point, limit = made.smallest(question.longest_ms), duration(question.longest_ms)
    if point is None:
        return "no answer: no serverless pod of the period can be replayed"
    words = f"{point.nodes} x {question.node.type}, the smallest pool of these with a p95 wait of at most {limit}"
    if made.cheaper(point):
        saved = f"{money(made.saved(point), currency)} ({_percent(made.saved(point), made.bill)} % of the bill)"
        return f"a fixed pool: {words}, would have saved {saved}, at a p95 wait of {duration(point.p95_ms)}"
    more = money(CONTEXT.subtract(point.cost, made.bill), currency)
    cheapest = next((one for one in reversed(made.points) if made.cheaper(one)), None)
    but = (
        f"; {cheapest.nodes} would be cheaper, at a p95 wait of {duration(cheapest.p95_ms)}"
        if cheapest
        else "; none of these pools is done for less"
    )
    return f"serverless: {words}, would have cost {more} more than the bill{but}"


def _today(bill: PodsBill, currency: str) -> str:
    return (
        f"the bill of these {bill.pods} pods is {amount(bill.to_pay)} {currency} to pay, "
        f"{amount(bill.exact)} exact, without fees and other shared costs"
    )


def _break_even(made: PoolCurve) -> str:
    part = made.break_even or Fraction(0)
    words = f"a pool is cheaper only if it is used more than {places(100 * part)} % of the time"
    return (
        words if part < 1 else f"no pool of this node can be cheaper: it would have to be used {places(100 * part)} %"
    )


def _node_words(node: PoolNode, chosen: Selection) -> str:
    vcpu, memory, gpu = (
        Decimal(node.need.vcpu) / 10**9,
        Decimal(node.need.memory) / 2**30,
        Decimal(node.need.gpu) / 10**9,
    )
    gpus = f", {gpu.normalize():f} GPU" if gpu else ""
    price = places(node.hourly, 6)
    return (
        f"a node: {vcpu.normalize():f} vCPU, {memory.normalize():f} GiB{gpus}, {amount(price)} {chosen.currency} an hour "
        f"for {places(chosen.window.hours)} h; {node.source}"
    )


def _not_replayed(of_reason: dict[str, PodsBill], currency: str) -> list[str]:
    return [
        f"not compared: {bill.pods} pods that {REASONS[reason]}"
        + (f", {money(bill.to_pay, currency)}" if bill.to_pay and reason != "foreign" else "")
        for reason, bill in sorted(of_reason.items())
        if reason != REPLAYED
    ]


def _late_start(first: int, window: PoolWindow) -> Sequence[str]:
    days = (first - window.begin) // DAY_AFTER_MS
    return (
        [f"the first pod arrived {days} days after the period began; --from makes the pool's time shorter"]
        if days
        else []
    )


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return places(Fraction(part) / Fraction(whole) * 100, 1)
