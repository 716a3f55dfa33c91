"""
An anomaly in one sentence: what costs how much since when, as against the usual, why, and how much more that is.
"""

from collections.abc import Mapping
from decimal import Decimal

from collector.core.cost.anomalies import Anomaly
from collector.core.cost.minor_units import minor_unit
from collector.core.cost.run_costs import Cause
from collector.language.language import Language, in_catalog

WHY: Mapping[Cause, str] = {
    "time": in_catalog("its pods run {times} times as long"),
    "size": in_catalog("its pods are {times} times as large"),
    "pods": in_catalog("it has {times} times as many pods"),
    "price": in_catalog("its price is {times} times as high"),
    "purchase": in_catalog("less of it runs on spot machines"),
    "retries": in_catalog("tries that were repeated cost {part} more a run"),
    "reclaims": in_catalog("pods that the provider took back cost {part} more a run"),
    "pending": in_catalog("waiting before its work begins costs {part} more a run"),
}
FACTOR_OF: Mapping[Cause, str] = {"time": "time", "size": "size", "pods": "pods", "price": "price"}
SINCE = in_catalog(
    "{name} costs {now} a run since {since}, {factor} times its usual {usual}: {why}; {excess} more until {until}"
)
UNTIL = in_catalog(
    "{name} cost {now} a run from {since} to {until}, {factor} times its usual {usual}: {why}; {excess} more in all"
)
ONE_RUN = in_catalog(
    "{workflow} of {name} cost {now} on {since}, {factor} times the usual {usual}: {why}; {excess} more"
)
SOME_RUNS = in_catalog(
    "{runs} runs of {name} from {since} to {until} cost up to {now}, {factor} times the usual {usual}: {why}; "
    "{excess} more in all"
)
DIGITS = 3
"""Digits of an amount below 1 that count: a run may cost less than a cent."""


def anomaly_sentence(anomaly: Anomaly, language: Language) -> str:
    """The sentence in a language; names are as they are, so that a page must escape it."""
    currency, name = anomaly.currency, f"{anomaly.template} {anomaly.version}".strip()
    return language.text(
        _form(anomaly),
        name=name,
        workflow=anomaly.workflow_name,
        runs=language.number(anomaly.runs),
        now=language.money(_of_a_run(anomaly.now, currency), currency),
        usual=language.money(_of_a_run(anomaly.usual, currency), currency),
        factor=_times(anomaly.factor, language),
        since=language.day(anomaly.since),
        until=language.day(anomaly.until),
        excess=language.money(anomaly.excess.quantize(minor_unit(currency)), currency),
        why=_why(anomaly, language),
    )


def _form(anomaly: Anomaly) -> str:
    if anomaly.kind == "run":
        return ONE_RUN if anomaly.runs == 1 else SOME_RUNS
    return SINCE if anomaly.lasts else UNTIL


def _why(anomaly: Anomaly, language: Language) -> str:
    factor = FACTOR_OF.get(anomaly.cause)
    part = _of_a_run(anomaly.parts[anomaly.cause], anomaly.currency)
    return language.text(
        WHY[anomaly.cause],
        times=_times(anomaly.ratios[factor], language) if factor else "",
        part=language.money(part, anomaly.currency),
    )


def _times(factor: Decimal, language: Language) -> str:
    """A multiple with one decimal."""
    return language.number(factor.quantize(Decimal("0.1")))


def _of_a_run(amount: Decimal, currency: str) -> Decimal:
    """An amount in minor units; below 1 with as many places as its first digits need."""
    unit = minor_unit(currency)
    if amount and abs(amount) < 1:
        return amount.quantize(min(unit, Decimal(1).scaleb(amount.adjusted() - DIGITS + 1)))
    return amount.quantize(unit)
