"""The page and the JSON of a template's history, over a real connection and in a browser."""

from collections.abc import Iterator
from decimal import Decimal
from html import unescape

import pytest
from msgspec.structs import replace
from selenium.webdriver import Chrome

from collector.catalog.counters import Counters
from collector.core.history.queue import StepsOfTime
from collector.core.history.template import (
    CriticalStep,
    FailureCause,
    RunCost,
    RunLengths,
    RunsOfTime,
    StoredTemplate,
    TrendStep,
    VersionRuns,
)
from collector.core.history.workflow import OtherRun
from collector.web.app import create_app
from collector.web.template_history import PERIODS
from tests.web.browser import Page
from tests.web.fleet import HOSTILE, HOUR, MINUTE, NOW, a_view
from tests.web.history import Store
from tests.web.serving import get, serving
from tests.web.test_pages import no_metrics

NEW = VersionRuns("v2", NOW - HOUR, NOW, runs=10, succeeded=5, p50_ms=4 * MINUTE, p95_ms=5 * MINUTE)
OLD = VersionRuns("v1", NOW - 9 * HOUR, NOW - HOUR, runs=10, succeeded=10, p50_ms=2 * MINUTE, p95_ms=3 * MINUTE)
COST = RunCost("USD", Decimal("3.00"), Decimal("0.50"), pods=40, unpriced_pods=0, accruing=False)
RUNS = RunsOfTime(
    RunLengths(
        {"succeeded": 15, "failed": 5},
        2 * MINUTE,
        4 * MINUTE,
        reasons_ms={"throttled": 750, "running": 250, "lock": 0},
        retries=3,
    ),
    [COST],
)
NOTHING = RunsOfTime(RunLengths(), [])


def a_template(steps: StepsOfTime) -> StoredTemplate:
    """Twenty runs, a quarter failed, after a new version."""
    return StoredTemplate(
        steps=steps,
        places=[("prod-hz", "perception"), ("prod-sh", "perception")],
        period=RUNS,
        this_week=RUNS,
        last_week=NOTHING,
        trend=[TrendStep(steps.starts[1], {"succeeded": 15, "failed": 5}, 2 * MINUTE, 4 * MINUTE)],
        versions=[NEW, OLD],
        critical=[CriticalStep("fit", 15, 9 * MINUTE, p50_ms=MINUTE, p95_ms=2 * MINUTE, waited_ms=0, failed=2)],
        critical_runs=15,
        failures=[
            FailureCause(
                "failed", "exit_1", "fit", runs=5, last_at=NOW, uid="u9", name=HOSTILE, words="Error (exit code 1)"
            )
        ],
        recent=[
            OtherRun(
                "u9",
                "train-9",
                2,
                created_at=NOW - HOUR,
                outcome="failed",
                reason="exit_1",
                length_ms=9000,
                running_ms=7000,
                cost=None,
                currency="",
            )
        ],
        now={"running": 2, "throttled": 3},
    )


@pytest.fixture
def store() -> Store:
    store = Store()
    store.of_template = a_template
    return store


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    app = create_app(live=a_view, counters=Counters(), metrics=no_metrics, history=store.of, now=lambda: NOW)
    with serving(app) as served:
        yield f"{served}/templates/train"


def text(address: str) -> str:
    return unescape(get(address).body.decode())


def sentence(address: str, query: str = "") -> str:
    return str(get(address.replace("/templates", "/api/v1/templates") + query).json()["sentence"])


def test_one_sentence_has_ends_lengths_and_cost(address: str) -> None:
    """And what changed."""
    assert sentence(address) == (
        "train: 20 runs ended in the last 7 days, 15 succeeded (75 %); half of the successes within 2 m 00 s, 95 % within "
        "4 m 00 s; cost 3.00 USD, 0.20 USD for a success; since version v2 of 2026-11-22 14:06:40 UTC 50 % succeed, before "
        "100 %; now 2 run and 3 wait."
    )


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (replace(COST, cost=None, wasted=None, unpriced_pods=40), "; 40 pods without a known price;"),
        (replace(COST, unpriced_pods=1), "; cost 3.00 USD, 0.20 USD for a success and 1 pod without a known price;"),
    ],
    ids=["none", "one"],
)
def test_a_price_that_is_not_known_is_never_zero(address: str, store: Store, cost: RunCost, words: str) -> None:
    """Pods without one are counted beside the sum."""
    store.of_template = lambda steps: replace(a_template(steps), period=RunsOfTime(RUNS.lengths, [cost]))

    assert words in sentence(address)


def test_without_a_success_there_is_no_cost_of_one(address: str, store: Store) -> None:
    """A division by 0 is not 0, and no success has a length."""
    failed = RunsOfTime(RunLengths({"failed": 5}), [COST])
    store.of_template = lambda steps: replace(a_template(steps), period=failed, this_week=failed, now={})

    assert sentence(address, "?cluster=prod-hz&namespace=perception").startswith(
        "train in prod-hz · perception: 5 runs ended in the last 7 days, 0 succeeded (0 %); cost 3.00 USD; since"
    )
    assert "everywhere" in text(f"{address}?cluster=prod-hz")


def test_a_template_may_have_no_run_in_the_period(address: str, store: Store) -> None:
    """Every table has words in the place of rows."""
    empty = replace(
        a_template(StepsOfTime(0, 2, 1)), period=NOTHING, this_week=NOTHING, trend=[], versions=[], critical=[]
    )
    store.of_template = lambda steps: replace(empty, steps=steps, failures=[], recent=[], critical_runs=0, now={})
    page = text(f"{address}?period=24h")

    assert "train: no run ended in the last 24 hours." in page
    for words in (
        "Nothing ended in this time.",
        "No run ended in this time.",
        "None in this time.",
        "None has ended yet.",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ([NEW], ""),
        ([replace(NEW, runs=4), OLD], ""),
        ([replace(NEW, succeeded=10), OLD], "takes 4 m 00 s in the median, before 2 m 00 s"),
        ([replace(NEW, succeeded=10, p50_ms=2 * MINUTE), OLD], ""),
    ],
    ids=["one", "few", "slower", "as good"],
)
def test_a_change_is_blamed_with_evidence_only(
    address: str, store: Store, versions: list[VersionRuns], words: str
) -> None:
    """A version of a few runs says nothing."""
    store.of_template = lambda steps: replace(a_template(steps), versions=versions)
    changed = get(address.replace("/templates", "/api/v1/templates")).json()["changed"]

    assert words in changed
    assert bool(changed) == bool(words)


@pytest.mark.parametrize("period", PERIODS)
def test_each_period_has_a_page(address: str, period: str) -> None:
    """The chosen one is marked; names lead to the workflows and places."""
    page = text(f"{address}?period={period}")

    assert f'period={period}" aria-current="page"' in page
    assert 'href="/workflows/u9"' in page
    assert 'href="/templates/train?cluster=prod-sh&namespace=perception&period=' in page
    assert HOSTILE not in get(f"{address}?period={period}").body.decode()


def test_all_is_all(address: str, store: Store) -> None:
    """99.96 % is not 100 %."""
    all_good = RunsOfTime(RunLengths({"succeeded": 9999}), [])
    nearly = RunsOfTime(RunLengths({"succeeded": 9996, "failed": 4}), [])
    store.of_template = lambda steps: replace(a_template(steps), period=all_good, this_week=nearly)

    assert "all succeeded" in sentence(address)
    assert "99.9 %" in text(address)


def test_a_template_that_never_ran_is_not_there(address: str, store: Store) -> None:
    """404 with a remedy, and where it was looked for."""
    store.of_template = None

    assert "The store knows no run of template train." in text(address)
    assert get(address).status == 404
    assert "of template train in c1 n1." in text(f"{address}?cluster=c1&namespace=n1")
    assert "of template train in n1." in text(f"{address}?namespace=n1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_can_be_read_everywhere(chrome: Chrome, address: str, width: int, scheme: str) -> None:
    """Contrast of texts and marks, nothing wider than the screen, every chart with a name, no refused style."""
    page = Page(chrome, address)
    page.emulate(width, scheme)

    assert page.faint_texts() == []
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run("return [...document.querySelectorAll('svg[role=img]')].every((one) => one.ariaLabel)")
    assert page.run("return [...document.querySelectorAll('th')].every((th) => th.scope)")
    assert page.console() == []
