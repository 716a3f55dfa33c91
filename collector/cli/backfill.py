"""`lynceus backfill`: missed workflows from Argo's archives."""

from contextlib import nullcontext
from typing import Annotated

import typer

from collector.backfill import command
from collector.cli.audited import audited
from collector.cli.console import err, out
from collector.cli.options import Actor, Config, OutputFormat, folder_of
from collector.cli.progress import show_progress
from collector.reports.periods import parse_span
from collector.reports.render import print_report
from collector.service.copied_secrets import copied_for_command
from collector.settings.load import load_settings


def backfill(
    begin: Annotated[str, typer.Option("--from", help="First day on which workflows finished, like 2026-11-01.")],
    end: Annotated[str, typer.Option("--to", help="Day after the last day.")],
    cluster: Annotated[str, typer.Option(help="Cluster.", show_default="all clusters with an archive")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare; fetch and write nothing.")] = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    actor: Actor = "",
) -> None:
    """Import workflows that finished in a period but were missed, from Argo's archives. `lynceus run` does so after gaps."""
    settings = load_settings(config)
    span = parse_span(begin, end, settings.billing_timezone)
    target = f"{cluster or 'all clusters'}, {span.begin} to {span.end}"
    trace = nullcontext() if dry_run else audited(settings, "backfill", target, actor)
    with trace, copied_for_command(settings) as copied, show_progress("hours listed", err) as (_, count):
        made = command.backfill_span(
            settings, folder_of(config), span, cluster, dry_run=dry_run, progress=count, copied=copied
        )
    print_report(made, output_format, out)
    failed = made.columns.index("failed")
    if any(row[failed] for row in made.rows) or len(made.notes) > dry_run:
        raise typer.Exit(1)
