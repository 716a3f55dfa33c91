"""
How soon a browser shows pages: the live page of 240,000 workflows with 200,000 that wait, and a workflow of 500 steps.

    python -m tests.bench.first_paint

Chromium and the server share the machine, and the view is computed from the state for each request, as in a collector.
Times are the browser's own, from the begin of the navigation; of several rounds the best, since other work only adds.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from collector.catalog.counters import Counters
from collector.core.history.workflow import StoredWorkflow
from collector.core.live_view import ClusterHealth, LiveView, StoreHealth
from collector.web.app import create_app
from tests.bench import state
from tests.builders import NOON, SECOND, a_pod_run
from tests.reports.stored import a_step_run
from tests.web.browser import chromium
from tests.web.history import Store, a_charge, a_workflow, another
from tests.web.serving import serving

MOST_MS = 1000
STEPS = 500
SHOWN = """
new MutationObserver(() => {
  const shown = document.querySelector("#total-waiting");
  if (!shown || shown.textContent === "–" || window.shownAt) return;
  requestAnimationFrame(() => { window.shownAt = performance.now(); });
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
"""Notes when the first figures stand in the live page."""
PAINTED = "return (performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime"


def a_live_view(workflows: int) -> Callable[[], LiveView]:
    """The view of a pipeline that has seen so many workflows, computed again for each call."""
    pipeline = state.a_pipeline()
    state.fill(pipeline, "workflows", workflows, 1, BytesIO())
    known = ClusterHealth(name=state.CLUSTER, ready=True, detail="", watches=[])
    return lambda: replace_clusters(pipeline.view(NOON, {}, StoreHealth(True, "", 0, 0, None)), [known])


def replace_clusters(view: LiveView, clusters: list[ClusterHealth]) -> LiveView:
    """The view with these clusters; without watches the pipeline knows of none."""
    return type(view)(**{name: getattr(view, name) for name in view.__struct_fields__} | {"clusters": clusters})


def a_large_workflow(steps: int) -> StoredWorkflow:
    """So many steps, each with a pod and its charge."""
    uids = [f"step-{n}" for n in range(steps)]
    return a_workflow(
        steps=[
            a_step_run(
                uid, pod_uid=uid, started_at=NOON + n * 100, finished_at=NOON + n * 100 + 30 * SECOND, critical=n < 20
            )
            for n, uid in enumerate(uids)
        ],
        step_count=steps,
        pods=[a_pod_run(uid=uid, name=uid, node_id=uid, created_at=NOON + n * 100) for n, uid in enumerate(uids)],
        pod_count=steps,
        charges=[a_charge(uid, "0.01") for uid in uids],
        others=[another(f"r{n}", 90 + n) for n in range(30)],
    )


async def no_metrics(*_: object) -> tuple[bytes, dict[str, str]]:
    """The bench scrapes nothing."""
    return b"", {}


def opened(chrome: Chrome, address: str, until: str) -> dict[str, float]:
    """The times of one navigation, once the script `until` returns something."""
    chrome.get("about:blank")
    chrome.get(address)
    shown = WebDriverWait(chrome, 60, 0.02).until(lambda driver: driver.execute_script(until))
    return {"paint_ms": round(chrome.execute_script(PAINTED) or 0), "shown_ms": round(shown)}


def report(page: str, rounds: list[dict[str, float]], **about: Any) -> None:
    """The best round, against its bound."""
    best = min(rounds, key=lambda times: times["shown_ms"])
    verdict = "met" if best["shown_ms"] <= MOST_MS else "MISSED"
    figures = {"page": page, **about, **best, "load": round(os.getloadavg()[0], 1), "rounds": len(rounds)}
    sys.stdout.write(f"{json.dumps(figures)} {verdict}: at most {MOST_MS} ms\n")


def main() -> None:
    """Opens both pages a few times."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.first_paint", description=__doc__)
    parser.add_argument("--workflows", type=int, default=state.WORKFLOWS)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    view = a_live_view(arguments.workflows)
    clock = time.process_time()
    waiting = sum(row.count for row in view().queues if not row.begun)
    view_ms = round(1000 * (time.process_time() - clock))
    history = Store(a_large_workflow(STEPS)).of
    app = create_app(live=view, counters=Counters(), metrics=no_metrics, history=history, now=lambda: NOON)
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as chrome, serving(app) as address:
        chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SHOWN})
        rounds = range(arguments.rounds)
        live = [opened(chrome, f"{address}/", "return window.shownAt") for _ in rounds]
        report("live", live, waiting=waiting, view_cpu_ms=view_ms)
        one = [opened(chrome, f"{address}/workflows/w1?rows=1000", PAINTED) for _ in rounds]
        report("workflow", one, steps=STEPS)


if __name__ == "__main__":
    main()
