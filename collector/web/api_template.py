"""
The history of one workflow template as the API answers it and as its page shows it. Amounts are exact, as text.
"""

from collector.core.model import Instant
from collector.web.api_model import ApiModel
from collector.web.api_workflow import RunOfTemplate


class CostOfRuns(ApiModel):
    """What some attempts cost, in one currency."""

    currency: str
    """Currency; empty: no pod has a price."""
    cost: str | None
    """The cost of their pods; null: no price is known."""
    of_a_success: str | None
    """The cost of all of them, divided by those that succeeded; null: none did, or no price is known."""
    wasted: str | None
    """The part that made no success: failed, cancelled, retried and reclaimed pods."""
    pods: int
    """Charged pods."""
    unpriced_pods: int
    """Pods without a price, which the amounts do not include."""
    accruing: bool
    """True while one of the pods runs: the amounts grow."""


class ReasonTime(ApiModel):
    """The time of all attempts in one waiting reason, or running."""

    reason: str
    """The waiting reason, or `running`."""
    ms: int
    """The sum."""
    share: float
    """Part of all their time, 0 to 1."""


class RunsOfTemplate(ApiModel):
    """The attempts that ended in some time."""

    runs: int
    """How many ended."""
    succeeded: int
    """How many of them succeeded."""
    success: float | None
    """One divided by the other; null: none ended."""
    outcomes: dict[str, int]
    """By outcome."""
    p50_ms: int | None
    """Median length of those that succeeded, from submission to end; null: none did."""
    p95_ms: int | None
    """95 % of them were no longer."""
    retries: int
    """Retries of steps."""
    times: list[ReasonTime]
    """Where their time went."""
    costs: list[CostOfRuns]
    """What they cost, by currency; empty: nothing was charged."""


class TemplateStep(ApiModel):
    """Attempts that ended in one step of the period."""

    at: Instant
    """Begin of the step."""
    outcomes: dict[str, int]
    """By outcome."""
    p50_ms: int | None
    """Median length of those that succeeded; null: none did."""
    p95_ms: int | None
    """95 % of them were no longer."""


class TemplateVersion(ApiModel):
    """Attempts that were made from one version of the template."""

    version: str
    """The version; empty: not known."""
    first_at: Instant
    """Submission of its first run in this time."""
    last_at: Instant
    """Submission of its last run."""
    runs: int
    """How many ended."""
    succeeded: int
    """How many of them succeeded."""
    p50_ms: int | None
    """Median length of those that succeeded; null: none did."""
    p95_ms: int | None
    """95 % of them were no longer."""


class StepOnPath(ApiModel):
    """A step by what it adds to the length of runs."""

    step: str
    """Name of the step; of a workflow that is one step, its template inside the workflow."""
    times: int
    """How often it was on the critical path."""
    total_ms: int
    """What it alone accounts for of all their lengths."""
    p50_ms: int
    """Median of it."""
    p95_ms: int
    """95 % of them took no longer."""
    waited_ms: int
    """Its waits for a lock, a quota or a person, which are not part of the total."""
    failed: int
    """How often it failed."""


class FailureOfTemplate(ApiModel):
    """Attempts that did not succeed for the same cause."""

    outcome: str
    """How they ended."""
    reason: str
    """Cause in one word."""
    step: str
    """Step that decided; empty: none did, or the workflow is one step."""
    runs: int
    """How many there are."""
    last_at: Instant
    """When the last of them ended."""
    uid: str
    """uid of that workflow."""
    name: str
    """Its name."""
    words: str
    """Its message."""


class TemplatePlaceRead(ApiModel):
    """Where the template runs."""

    cluster: str
    """Name of the cluster."""
    namespace: str
    """Namespace."""


class TemplateHistory(ApiModel):
    """One workflow template over a period that ends now."""

    sentence: str
    """How many runs ended and how, how long they took, what a success cost, and whether that changed."""
    template: str
    """Name of the template."""
    cluster: str
    """The cluster that was asked for; empty: all."""
    namespace: str
    """The namespace that was asked for; empty: all."""
    places: list[TemplatePlaceRead]
    """Where it runs, at most 200, those with most runs first."""
    period: str
    """24h, 7d, 30d or 90d."""
    begin_at: Instant
    """Begin of the period."""
    end_at: Instant
    """End of the period: when it was read."""
    step_ms: int
    """Length of a step."""
    now: dict[str, int]
    """Workflows that have not ended, by what they wait for, or `running`."""
    whole: RunsOfTemplate
    """The period."""
    this_week: RunsOfTemplate
    """The seven days until now."""
    last_week: RunsOfTemplate
    """The seven days before."""
    steps: list[TemplateStep]
    """Steps in which an attempt ended."""
    versions: list[TemplateVersion]
    """Versions in the period, at least in two weeks; the newest first, at most 12."""
    changed: str
    """Whether the newest version does worse than the one before, in words; empty: it does not, or there are too few runs."""
    path: list[StepOnPath]
    """Steps on the critical paths, those with most time first, at most 12."""
    path_runs: int
    """The newest successful runs whose critical paths are added up, at most 300."""
    failures: list[FailureOfTemplate]
    """Causes, the most frequent first, at most 12."""
    recent: list[RunOfTemplate]
    """The newest runs that ended, at most 30, whenever that was."""
