"""
A template in one sentence: how many runs ended and how, how long they took, what a success cost; and what a change did.
"""

from collections.abc import Sequence

from collector.web import words
from collector.web.api_template import CostOfRuns, RunsOfTemplate, TemplateHistory, TemplateVersion

PERIOD_WORDS = {
    "24h": "the last 24 hours",
    "7d": "the last 7 days",
    "30d": "the last 30 days",
    "90d": "the last 90 days",
}
ENOUGH = 5
"""Fewer runs of a version say nothing about it."""
WORSE = 0.1
"""So much less of a version's runs succeeding is more than chance in small numbers."""
SLOWER = 1.5


def sentence(template: TemplateHistory) -> str:
    """The sentence, with a full stop."""
    where = " · ".join(filter(None, (template.cluster, template.namespace)))
    head = f"{template.template} in {where}" if where else template.template
    whole = template.whole
    when = PERIOD_WORDS[template.period]
    if not whole.runs:
        return f"{head}: no run ended in {when}{_now(template)}."
    parts = [f"{words.plural(whole.runs, 'run')} ended in {when}, {_success(whole)}"]
    if whole.p50_ms is not None:
        parts.append(f"half of the successes within {words.span(whole.p50_ms)}, 95 % within {words.span(whole.p95_ms)}")
    parts.extend(cost_words(cost) for cost in whole.costs)
    if template.changed:
        parts.append(template.changed)
    return f"{head}: {'; '.join(parts)}{_now(template)}."


def _success(runs: RunsOfTemplate) -> str:
    if runs.succeeded == runs.runs:
        return "all succeeded"
    return f"{words.count(runs.succeeded)} succeeded ({words.cut_share(runs.success)})"


def cost_words(cost: CostOfRuns) -> str:
    """What the runs and a success cost; never 0 for what has no price."""
    lacking = f"{words.plural(cost.unpriced_pods, 'pod')} without a known price"
    if cost.cost is None:
        return lacking
    each = cost.of_a_success
    success = "" if each is None else f", {words.money(each)} {cost.currency} for a success"
    known = f"cost {words.money(cost.cost)} {cost.currency}{success}"
    return f"{known} and {lacking}" if cost.unpriced_pods else known


def _now(template: TemplateHistory) -> str:
    live = sum(template.now.values())
    if not live:
        return ""
    running = template.now.get("running", 0)
    return f"; now {words.count(running)} run and {words.count(live - running)} wait"


def changed(versions: Sequence[TemplateVersion]) -> str:
    """Whether the newest version does worse than the one before it; empty: it does not, or too few runs ended."""
    if len(versions) < 2:
        return ""
    new, old = versions[:2]
    if min(new.runs, old.runs) < ENOUGH:
        return ""
    since = f"since version {new.version or 'not known'} of {words.clock(new.first_at)} UTC"
    now, before = new.succeeded / new.runs, old.succeeded / old.runs
    if before - now >= WORSE:
        return f"{since} {words.share(now)} succeed, before {words.share(before)}"
    if new.p50_ms and old.p50_ms and new.p50_ms >= SLOWER * old.p50_ms:
        return f"{since} a success takes {words.span(new.p50_ms)} in the median, before {words.span(old.p50_ms)}"
    return ""
