"""
A template in one sentence: how many runs ended and how, how long they took, what a success cost; and what a change did.
"""

from collections.abc import Sequence

from collector.language.language import Language, in_catalog
from collector.web import words
from collector.web.api_template import CostOfRuns, RunsOfTemplate, TemplateHistory, TemplateVersion

PERIOD_WORDS = {
    "24h": in_catalog("the last 24 hours"),
    "7d": in_catalog("the last 7 days"),
    "30d": in_catalog("the last 30 days"),
    "90d": in_catalog("the last 90 days"),
}
PERIOD_NAMES = (in_catalog("24h"), in_catalog("7d"), in_catalog("30d"), in_catalog("90d"))
"""The choices on the page."""
ENOUGH = 5
"""Fewer runs of a version say nothing about it."""
WORSE = 0.1
"""So much less of a version's runs succeeding is more than chance in small numbers."""
SLOWER = 1.5


def sentence(template: TemplateHistory, language: Language) -> str:
    """The sentence, with a full stop."""
    where = " · ".join(filter(None, (template.cluster, template.namespace)))
    named = {"template": template.template, "place": where}
    head = language.text("{template} in {place}", **named) if where else template.template
    parts = [_ended(template, language)]
    whole = template.whole
    if whole.p50_ms is not None:
        half, most = language.span(whole.p50_ms), language.span(whole.p95_ms)
        parts.append(language.text("half of the successes within {half}, 95 % within {most}", half=half, most=most))
    parts.extend(cost_words(cost, language) for cost in whole.costs)
    parts.extend(filter(None, (template.changed, _now(template, language))))
    return language.text("{subject}: {what}.", subject=head, what=language.text("; ").join(parts))


def _ended(template: TemplateHistory, language: Language) -> str:
    when, whole = language.text(PERIOD_WORDS[template.period]), template.whole
    if not whole.runs:
        return language.text("no run ended in {period}", period=when)
    success = _success(whole, language)
    return language.plural(
        "{number} run ended in {period}, {success}",
        "{number} runs ended in {period}, {success}",
        whole.runs,
        period=when,
        success=success,
    )


def _success(runs: RunsOfTemplate, language: Language) -> str:
    if runs.succeeded == runs.runs:
        return language.text("all succeeded")
    share = language.cut_share(runs.success)
    return language.text("{number} succeeded ({share})", number=language.count(runs.succeeded), share=share)


def cost_words(cost: CostOfRuns, language: Language) -> str:
    """What the runs and a success cost; never 0 for what has no price."""
    lacking = unpriced(cost.unpriced_pods, language)
    if cost.cost is None:
        return lacking
    each, whole = cost.of_a_success, language.cost(cost.cost, cost.currency)
    known = (
        language.text("cost {cost}", cost=whole)
        if each is None
        else language.text("cost {cost}, {each} for a success", cost=whole, each=language.cost(each, cost.currency))
    )
    return language.text("{one} and {other}", one=known, other=lacking) if cost.unpriced_pods else known


def unpriced(pods: int, language: Language) -> str:
    """How many pods have no price."""
    return language.plural("{number} pod without a known price", "{number} pods without a known price", pods)


def _now(template: TemplateHistory, language: Language) -> str:
    live = sum(template.now.values())
    if not live:
        return ""
    running = template.now.get("running", 0)
    waiting = language.count(live - running)
    return language.text("now {running} run and {waiting} wait", running=language.count(running), waiting=waiting)


def changed(versions: Sequence[TemplateVersion], language: Language) -> str:
    """Whether the newest version does worse than the one before it; empty: it does not, or too few runs ended."""
    if len(versions) < 2:
        return ""
    new, old = versions[:2]
    if min(new.runs, old.runs) < ENOUGH:
        return ""
    since = {"version": new.version or language.text("not known"), "instant": words.clock(new.first_at)}
    now, before = new.succeeded / new.runs, old.succeeded / old.runs
    if before - now >= WORSE:
        return language.text(
            "since version {version} of {instant} UTC {now} succeed, before {before}",
            now=language.share(now),
            before=language.share(before),
            **since,
        )
    if new.p50_ms and old.p50_ms and new.p50_ms >= SLOWER * old.p50_ms:
        return language.text(
            "since version {version} of {instant} UTC a success takes {now} in the median, before {before}",
            now=language.span(new.p50_ms),
            before=language.span(old.p50_ms),
            **since,
        )
    return ""
