"""
Anomalies as people read them: one sentence with what, since when, how much, why and how much more, in both languages.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from collector.core.cost.anomalies import Anomaly
from collector.core.cost.run_costs import CAUSES, Cause
from collector.language.language import language
from collector.web.reports.anomaly_sentence import anomaly_sentence

ENGLISH, CHINESE = language("en"), language("zh-CN")
ONE = Anomaly(
    kind="version",
    cause="time",
    cluster="c1",
    namespace="team",
    template="train-bev",
    version="v3",
    version_before="v2",
    department="perception",
    workflow_uid="u1",
    workflow_name="train-bev-x7k2p",
    since=date(2026, 11, 8),
    until=date(2026, 11, 30),
    lasts=True,
    usual=Decimal("21.7"),
    now=Decimal("41.2"),
    factor=Decimal("1.90"),
    excess=Decimal("312.4"),
    currency="CNY",
    runs=16,
    evidence=120,
    parts={cause: Decimal("19.5") for cause in CAUSES},
    ratios={name: Decimal("1.96") for name in ("pods", "time", "size", "price")},
)


def in_english(one: Anomaly) -> str:
    """The English sentence, with plain spaces."""
    return anomaly_sentence(one, ENGLISH).replace("\xa0", " ")


def test_a_dearer_version() -> None:
    """Since when, how many times, why, and how much more until which day."""
    assert in_english(ONE) == (
        "train-bev v3 costs 41.20 CNY a run since 8 Nov 2026, 1.9 times its usual 21.70 CNY: its pods run 2 times as long; "
        "312.40 CNY more until 30 Nov 2026"
    )
    assert anomaly_sentence(ONE, CHINESE) == (
        "train-bev v3 自2026年11月8日起每次运行费用为 ¥41.20，是平时 ¥21.70 的 1.9 倍：其 Pod 运行时长是平时的 2 倍；"
        "截至2026年11月30日多花费 ¥312.40"
    )


def test_what_is_over_has_an_end() -> None:
    """A version that was replaced, or days that were dear."""
    assert "cost 41.20 CNY a run from 8 Nov 2026 to 30 Nov 2026" in in_english(replace(ONE, kind="days", lasts=False))
    assert in_english(replace(ONE, lasts=False)).endswith("312.40 CNY more in all")


def test_single_runs_are_named() -> None:
    """One by its name, several by their number."""
    run = replace(ONE, kind="run", runs=1, version="")

    assert in_english(run).startswith("train-bev-x7k2p of train-bev cost 41.20 CNY on 8 Nov 2026, 1.9 times the usual")
    assert in_english(replace(run, runs=3)).startswith(
        "3 runs of train-bev from 8 Nov 2026 to 30 Nov 2026 cost up to 41.20 CNY"
    )


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_words_in_both_languages(cause: Cause) -> None:
    """No placeholder is left, and the languages differ."""
    one = replace(ONE, cause=cause)
    english, chinese = in_english(one), anomaly_sentence(one, CHINESE)

    assert "{" not in english + chinese
    assert english.split(": ")[1].split(";")[0] not in chinese
    assert "：" in chinese


def test_a_run_may_cost_less_than_a_cent() -> None:
    """Such amounts have their first digits, and sums are in cents."""
    small = replace(ONE, usual=Decimal("0.022837"), now=Decimal("0.000451"), excess=Decimal("9.412102"), currency="USD")

    assert "costs 0.000451 USD a run" in in_english(small)
    assert "usual 0.0228 USD" in in_english(small)
    assert "9.41 USD more" in in_english(small)
    assert "costs 0.00 USD" in in_english(replace(small, now=Decimal(0)))
