"""
The columns of the cost report, each declared once: what `--by`, `--where` and `--sort` know.

A column is computed from the keys of cost_daily where it can be, since those are few rows. Others are read from charges, and
a few from the attempt of the workflow that a charge belongs to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from collector.catalog.rollups import COST_DAILY

Source = Literal["rollup", "charges", "attempts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostColumn:
    """One column of the cost report."""

    sql: str
    """An expression over the columns of its source."""
    needs: tuple[str, ...] = ()
    """Keys of cost_daily that it is computed from; of a column of the rollup only."""
    source: Source = "rollup"
    text: bool = True
    """Whether it may be empty, which reads `unallocated`."""


def named_step(step: str, workflow: str, template: str) -> str:
    """
    Returns SQL of a step's name without the generated name of its workflow; the workflow itself is named by its template.

    Otherwise each run of a workflow with a single step would be a step of its own. Argo's names are `train-x7k2p.fit`,
    `train-x7k2p[0].fit`, and `train-x7k2p(0)` for the first try of the workflow's own template.
    """
    rest = f"substring({step}, length({workflow}) + 1)"
    group = f"replaceRegexpOne({rest}, '^\\\\[\\\\d+\\\\]\\\\.?', '')"
    inner = f"startsWith({rest}, '.'), substring({rest}, 2), startsWith({rest}, '['), {group}"
    own = f"if({template} = '', {step}, {template})"
    return (
        f"multiIf({workflow} = '' OR NOT startsWith({step}, {workflow}), {step}, "
        f"{rest} = '' OR startsWith({rest}, '('), {own}, {inner}, {step})"
    )


KEYS: tuple[str, ...] = COST_DAILY.order_by
ATTEMPT = ("workflow_uid", "attempt")


def _key(name: str) -> CostColumn:
    return CostColumn(sql=f"`{name}`", needs=(name,), text=name != "day")


def _charge(sql: str) -> CostColumn:
    return CostColumn(sql=sql, source="charges")


COLUMNS: Mapping[str, CostColumn] = {
    "day": _key("day"),
    "week": CostColumn(sql="toMonday(`day`)", needs=("day",), text=False),
    "month": CostColumn(sql="formatDateTime(`day`, '%Y-%m')", needs=("day",)),
    **{name: _key(name) for name in ("department", "project", "cluster", "namespace", "template")},
    "creator": _charge("creator"),
    "workflow": _charge("workflow_name"),
    "workflow_uid": _charge("workflow_uid"),
    "attempt": CostColumn(sql="`attempt`", source="charges", text=False),
    "step": _charge(named_step("step", "workflow_name", "template")),
    "template_version": _charge("template_version"),
    "queue": CostColumn(sql="of_queue", source="attempts"),
    "outcome": CostColumn(sql="of_outcome", source="attempts"),
    **{name: _key(name) for name in ("product", "purchase", "class", "region", "currency")},
    "instance_type": _charge("instance_type"),
    "rule": _charge("rule"),
    "confidence": _charge("confidence"),
    "workflow_name": _charge("workflow_name"),
}
"""By the name after `--by` and `--where`. `week` is its Monday; `workflow_name` is the older name of `workflow`."""


def needed_keys(names: Iterable[str]) -> set[str]:
    """Returns the keys of cost_daily that columns are computed from."""
    return {key for name in names for key in COLUMNS[name].needs}


def beyond_rollup(names: Iterable[str]) -> list[str]:
    """Returns the columns that only charges have, each once."""
    return [name for name in dict.fromkeys(names) if COLUMNS[name].source != "rollup"]
