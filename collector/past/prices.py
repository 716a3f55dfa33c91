"""
The demo's own price books, whose dates lie in its past: a price that rises, fees that departments share, idle nodes.
"""

from pathlib import Path

from collector.core.cost.billing_days import date_of
from collector.past.calendar import PastDays
from collector.past.story import GPU_TYPE

FOLDER = "prices"
_HEAD = "# Written by `lynceus demo` when it laid down its past; its prices are made up, but for the first.\n"
_FLEET = """\
id: demo-prices
version: "2"
extends: alibaba-eci
currency: USD
sources:
  example: "ECI billing overview, example 2, 2026-02-27"
  demo: "made up for the demo"
prices:
  - {region: "*", type: ecs.c6.large, per: hour, instance_type: "0.06", from: 2020-01-01, source: example}
  - {region: "*", type: GPU_TYPE, per: hour, instance_type: "1.20", confidence: low, from: 2020-01-01, to: RISES, source: demo}
  - {region: "*", type: GPU_TYPE, per: hour, instance_type: "1.32", confidence: low, from: RISES, source: demo}
market:
  fallback_discount: "0.70"
"""
_NODES = """\
id: demo-nodes
version: "1"
extends: plain-node
sources:
  demo: "as plain-node; departments pay for what their nodes were idle"
split: {vcpu: "0.031611", memory: "0.004237", gpu: "0.95", idle: proportional}
"""
_FEES = """\
id: demo-fees
version: "1"
currency: USD
sources:
  demo: "made up for the demo, of the size of Alibaba Cloud's"
fees:
  - {id: cluster-management, amount: "0.09", per: hour, clusters: [prod-hz, prod-sh, gpu-bj], from: 2020-01-01, source: demo}
  - {id: artifact-storage, amount: "180", per: month, clusters: [prod-hz], from: 2020-01-01, source: demo}
  - {id: log-service, amount: "95", per: month, clusters: [prod-sh], from: RISES, source: demo}
"""


def write_prices(folder: Path, days: PastDays) -> None:
    """Writes the books below a folder."""
    rises = f"{date_of(days.repriced):%Y-%m-%d}"
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, text in (("fleet", _FLEET), ("nodes", _NODES), ("fees", _FEES)):
        dated = text.replace("RISES", rises).replace("GPU_TYPE", GPU_TYPE)
        (folder / FOLDER / f"{name}.yaml").write_text(_HEAD + dated, encoding="utf-8")


def books_of(folder: Path) -> tuple[str, ...]:
    """Returns the books that were written below a folder; none where the demo has no past."""
    return tuple(str(path) for path in sorted((folder / FOLDER).glob("*.yaml")))
