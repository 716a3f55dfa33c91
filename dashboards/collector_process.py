"""
The collector's own process: is it short of CPU or memory, does its loop hang, what does a scrape cost, do clocks agree?
"""

from collector.catalog import metrics as catalog
from dashboards import promql
from dashboards.fields import Field, bad, caution
from dashboards.grafana import Line, Panel, Section
from dashboards.inputs import Inputs
from dashboards.panels import series
from dashboards.targets import over_time

OURS = f"and on (instance) {catalog.BUILD_INFO.name}"
"""Prometheus has series of these names of every program; only collectors are meant."""
GIB = 2**30


def section(inputs: Inputs) -> Section:
    """Six panels of the process."""
    return Section(
        "Does the process keep up",
        (Line(7, (_cpu(), _memory(inputs), _loop(inputs))), Line(7, (*_scrape(inputs), _clocks(inputs)))),
    )


def _cpu() -> Panel:
    return series(
        "CPU",
        "Cores in use. The process uses one core for its loop, and threads for compression and the store.",
        [over_time(f"rate({catalog.PROCESS_CPU.name}[$__rate_interval]) {OURS}", "{{instance}}")],
        Field(unit="suffix: cores", decimals=2),
    )


def _memory(inputs: Inputs) -> Panel:
    high = inputs.of("collector_memory_high")["memory"] * GIB
    return series(
        "Memory",
        "Resident memory, at most of each step. The line is where CollectorMemoryHigh begins.",
        [over_time(f"max_over_time({catalog.PROCESS_MEMORY.name}[$__rate_interval]) {OURS}", "{{instance}}")],
        Field(unit="bytes", levels=[caution(high)]),
        links=inputs.runbook("CollectorMemoryHigh"),
    )


def _loop(inputs: Inputs) -> Panel:
    lag = f"rate({catalog.LOOP_LAG.name}_bucket[$__rate_interval])"
    blocked = inputs.of("collector_loop_blocked").seconds("lag")
    return series(
        "Loop lag, p99",
        "How late the event loop woke a timer, 99 of 100 sooner: while it lags, nothing is read and nothing answered. "
        "The line is where CollectorLoopBlocked begins.",
        # The lag of each process, not that of a cluster that several may watch.
        [over_time(f"histogram_quantile(0.99, sum by (instance, le) ({lag}))", "{{instance}}")],
        Field(unit="s", levels=[caution(blocked)]),
        links=inputs.runbook("CollectorLoopBlocked"),
    )


def _scrape(inputs: Inputs) -> tuple[Panel, ...]:
    slow = inputs.of("scrape_slow").seconds("duration")
    duration = series(
        "Scrape time",
        "How long Prometheus waited for the metrics, at most of each step. The line is where ScrapeSlow begins.",
        [over_time(f"max_over_time(scrape_duration_seconds[$__rate_interval]) {OURS}", "{{instance}}")],
        Field(unit="s", levels=[caution(slow)]),
        links=inputs.runbook("ScrapeSlow"),
    )
    samples = series(
        "Samples a scrape",
        "Series that a scrape brings: they grow with clusters, namespaces and queues, each family up to its bound.",
        [over_time(f"scrape_samples_scraped {OURS}", "{{instance}}")],
        Field(decimals=0),
    )
    return duration, samples


def _clocks(inputs: Inputs) -> Panel:
    skew = inputs.of("clock_skewed").seconds("skew")
    subject = "max by (subject, cluster)"
    return series(
        "Clock skew",
        "Clock of each API server and of the store, minus the collector's; 0 within a second. The line is where "
        "ClockSkewed begins, in either direction.",
        [over_time(f"{subject} (abs({promql.select(catalog.CLOCK_SKEW)}))", "{{subject}} {{cluster}}")],
        Field(unit="s", levels=[bad(skew)], reach=skew),
        links=inputs.runbook("ClockSkewed"),
    )
