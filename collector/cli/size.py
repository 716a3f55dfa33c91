"""`lynceus size`: what CPU, memory and disk a load takes, and how long a disk lasts."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import typer
from msgspec.structs import replace

from collector.catalog import size as model
from collector.catalog.retention import retention_days
from collector.catalog.size import Load
from collector.cli.console import out
from collector.cli.options import Config, OutputFormat
from collector.core.objects.quantity import parse_quantity
from collector.reports.render import print_report
from collector.reports.report import Report
from collector.settings.derived import spool_limit_bytes
from collector.settings.load import load_settings
from collector.settings.model import Settings, SettingsError

SHIPPED_DISK = "50Gi"
"""The volume of deploy/kustomize."""
HORIZONS = {"30d": 30, "1y": 365, "3y": 1095}
PODS_A_WORKFLOW = 20


def size(
    pods_per_day: Annotated[int, typer.Option(min=1, help="Pods that end on a mean day, in all clusters.")],
    workflows_per_day: Annotated[
        int | None, typer.Option(min=0, help="Workflows that end on a mean day.", show_default="one for 20 pods")
    ] = None,
    steps_per_pod: Annotated[
        float, typer.Option(min=1, help="Nodes of a workflow for each of its pods: groups and retries are nodes too.")
    ] = 1.2,
    clusters: Annotated[int, typer.Option(min=1, help="Clusters that are watched.")] = 1,
    templates: Annotated[
        int, typer.Option(min=1, help="Workflow templates that run in a cluster on a usual day.")
    ] = 50,
    queues: Annotated[int, typer.Option(min=0, help="Queues in which something waits, in the mean.")] = 20,
    pod_minutes: Annotated[
        float, typer.Option(min=0, help="Mean time from the creation of a pod to its end, in minutes.")
    ] = 10,
    waiting: Annotated[int, typer.Option(min=0, help="Workflows that wait at the worst time.")] = 10_000,
    peak: Annotated[float, typer.Option(min=1, help="The busiest hour, as times a mean one.")] = 3,
    retention: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE=DAYS", help="As in the settings, like step_run=400d.", show_default="the settings"),
    ] = None,
    disk: Annotated[str, typer.Option(help="A disk, as Kubernetes writes it: how long does it last?")] = SHIPPED_DISK,
    output_format: OutputFormat = "table",
    config: Config = None,
) -> None:
    """Print what CPU, memory and disk a load takes. Reads the settings' retention and spool; asks no cluster and no store."""
    settings = _with_retention(load_settings(config), retention or ())
    load = Load(
        pods_per_day=pods_per_day,
        workflows_per_day=max(1, pods_per_day // PODS_A_WORKFLOW) if workflows_per_day is None else workflows_per_day,
        steps_per_pod=steps_per_pod,
        templates=templates * clusters,
        queues=queues,
        pod_minutes=pod_minutes,
        waiting=waiting,
        peak=peak,
    )
    print_report(report(load, settings, disk), output_format, out)


def report(load: Load, settings: Settings, disk: str) -> Report:
    """What a load takes, table by table; SettingsError for an invalid disk."""
    room, spool = parse_quantity(disk), spool_limit_bytes(settings)
    if room is None or room <= 0:
        raise SettingsError(f"--disk: invalid size {disk!r}, expected a size like 50Gi")
    tables = model.growth(load, retention_days(settings.retention))
    rows = [
        (
            table.table,
            f"{table.kept_days}d" if table.kept_days else "forever",
            _mib(table.bytes_per_day),
            *(_mib(table.after(days)) for days in HORIZONS.values()),
        )
        for table in tables
    ]
    mean, busiest = model.cores(load)
    orders = ", ".join(
        f"{model.disk_bytes(tables, days, spool) / 2**30:,.0f} GiB for {name}" for name, days in HORIZONS.items()
    )
    return Report(
        title=f"Size for {load.pods_per_day:,} pods and {load.workflows_per_day:,} workflows a day, in MiB",
        columns=("table", "kept", "1d", *HORIZONS),
        rows=rows,
        totals=[
            (
                "all",
                "",
                sum(row[2] for row in rows),
                *(_mib(model.bytes_after(tables, days)) for days in HORIZONS.values()),
            )
        ],
        notes=[
            f"Disk, with a full spool of {settings.spool.max_bytes} and a seventh free for merges: {orders}.",
            f"A disk of {disk} lasts {_lasts(model.lasts_days(tables, int(room), spool))}.",
            f"CPU: {mean:.2f} cores in the mean, {busiest:.2f} in the busiest hour, the embedded store included.",
            f"Memory: up to {model.memory_mib(load):,} MiB, {model.STORE_MIB:,} of them for the embedded store.",
            "Not counted: backups beside the store, and what `lynceus reprice` writes a second time.",
        ],
    )


def _with_retention(settings: Settings, pairs: Iterable[str]) -> Settings:
    """The settings with other days for some tables."""
    chosen: Mapping[str, str] = dict(settings.retention) | dict(_pair(text) for text in pairs)
    try:
        retention_days(chosen)
    except ValueError as error:
        raise SettingsError(f"--retention: {error}") from None
    return replace(settings, retention=chosen)


def _pair(text: str) -> tuple[str, str]:
    table, _, days = text.partition("=")
    return table, days


def _mib(size: float) -> int:
    return round(size / model.MIB)


def _lasts(days: int) -> str:
    return "20 years and more" if days >= model.LONGEST_DAYS else f"{days} days"
