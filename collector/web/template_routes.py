"""
The page and the JSON of one workflow template over a period.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query
from fastapi.responses import HTMLResponse

from collector.access.scope import Scope
from collector.core.history.template import TemplatePlace
from collector.core.model import Instant
from collector.language.language import ENGLISH, Language, in_catalog
from collector.web.api_template import TemplateHistory
from collector.web.door import Asking
from collector.web.history import Histories, NotThereError, answered
from collector.web.pages import PageTemplates
from collector.web.spoken import Spoken
from collector.web.template_history import PERIODS, template_page, template_steps
from collector.web.template_view import view as template_view

UNKNOWN = in_catalog(
    "The name is that of a WorkflowTemplate, a ClusterWorkflowTemplate or a cron workflow. One without a run since Lynceus "
    "watches the cluster, or within the retention of workflow_run, is not in the store."
)

Name = Annotated[str, Path(max_length=253)]
Only = Annotated[str, Query(max_length=253)]
TemplatePeriod = Annotated[Literal["24h", "7d", "30d", "90d"], Query()]


def add_template(app: FastAPI, pages: PageTemplates, history: Histories, now: Callable[[], Instant]) -> None:
    """Adds both routes."""

    async def shown(scope: Scope, place: TemplatePlace, period: str, language: Language) -> TemplateHistory:
        stored = await answered(history(scope).template(place, template_steps(now(), period)))
        if stored is None:
            only = " ".join(filter(None, (place.cluster, place.namespace)))
            named = {"template": place.template, "place": only}
            what = (
                language.text("The store knows no run of template {template} in {place}", **named)
                if only
                else language.text("The store knows no run of template {template}", **named)
            )
            raise NotThereError(what, language.text(UNKNOWN))
        return template_page(place, stored, period, language)

    @app.get("/templates/{template}", include_in_schema=False)
    async def page(
        visitor: Asking,
        spoken: Spoken,
        template: Name,
        cluster: Only = "",
        namespace: Only = "",
        period: TemplatePeriod = "7d",
    ) -> HTMLResponse:
        found = await shown(visitor.scope, TemplatePlace(template, cluster, namespace), period, spoken.language)
        drawn = template_view(found, spoken.language)
        return pages.page("template.html", visitor=visitor, spoken=spoken, shown=found, periods=PERIODS, **drawn)

    @app.get(
        "/api/v1/templates/{template}",
        summary="One workflow template over a period: outcomes, lengths, cost, versions, critical path, failures, last runs",
    )
    async def as_json(
        visitor: Asking, template: Name, cluster: Only = "", namespace: Only = "", period: TemplatePeriod = "7d"
    ) -> TemplateHistory:
        return await shown(visitor.scope, TemplatePlace(template, cluster, namespace), period, ENGLISH)
