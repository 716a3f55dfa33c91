"""
`lynceus clusters`: how Argo CD's clusters reach the collector.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from collector.cli.console import print_line, report_step
from collector.cli.options import Config
from collector.clock import now_ms
from collector.connect import ExternalError
from collector.core.units import HOUR_MS
from collector.desired import own_cluster
from collector.kube.address import AddressError
from collector.kube.cluster_secrets import LOOK_S, SecretsError, list_secrets, write_secrets
from collector.kube.connection import Connection
from collector.kube.reader_tokens import Handover, Reader, hand_tokens
from collector.settings.load import load_settings
from collector.settings.model import DiscoverySettings

HAND_S = 30.0
"""Between two looks for clusters that need a token."""
SELECTOR = DiscoverySettings().argocd_selector

app = typer.Typer(no_args_is_help=True, help="How Argo CD's clusters reach the collector.")

Namespace = Annotated[str, typer.Option(help="Argo CD's namespace.")]
Selector = Annotated[str, typer.Option(help="Labels of the secrets, as kubectl takes them.")]
Once = Annotated[bool, typer.Option("--once", help="One round; without it rounds go on until Ctrl-C.")]


@app.command("copy")
def copy(
    to: Annotated[
        Path, typer.Option(help="Folder for the secrets, best in memory; `discovery.argocd_secrets` names it.")
    ],
    namespace: Namespace = "argocd",
    selector: Selector = SELECTOR,
    once: Once = False,
) -> None:
    """Keep a folder equal to the cluster secrets of a namespace. Runs as a sidecar of the collector."""

    async def copy_round(hub: Connection) -> None:
        secrets = await list_secrets(hub, namespace, selector)
        if await asyncio.to_thread(write_secrets, to, secrets):
            print_line(f"{len(secrets)} cluster secrets in {to}")

    _run(copy_round, LOOK_S, once=once)


@app.command("hand-tokens")
def hand(
    to_namespace: Annotated[str, typer.Option(help="Namespace that the collector reads; for these secrets alone.")],
    namespace: Namespace = "argocd",
    selector: Selector = SELECTOR,
    account: Annotated[str, typer.Option(help="NAMESPACE/NAME of the reader's ServiceAccount in every cluster.")] = (
        "lynceus/lynceus"
    ),
    hours: Annotated[int, typer.Option(min=1, help="Life of a token. It is replaced at half of it.")] = 24,
    once: Once = False,
    config: Config = None,
) -> None:
    """
    Store a token of each cluster's reader, so that the collector holds no token of Argo CD.

    Runs beside Argo CD. `exec_plugins` of the settings permits the commands of Argo CD's credentials.
    """
    owner, _, name = account.partition("/")
    if not owner or not name:
        raise typer.BadParameter(f"{account!r} is not NAMESPACE/NAME, like lynceus/lynceus", param_hint="--account")
    if to_namespace == namespace:
        raise typer.BadParameter("must not be Argo CD's own namespace", param_hint="--to-namespace")
    plugins = load_settings(config).exec_plugins
    reader = Reader(owner, name, hours * HOUR_MS)
    handover = Handover(source=namespace, target=to_namespace, selector=selector, plugins=plugins, reader=reader)

    async def hand_round(hub: Connection) -> None:
        async for line in hand_tokens(hub, handover, now_ms()):
            print_line(line)

    _run(hand_round, HAND_S, once=once)


def _run(work: Callable[[Connection], Awaitable[None]], every_s: float, *, once: bool) -> None:
    """Runs rounds; what fails in one is reported and tried again in the next, with `once` it ends the command."""

    async def rounds() -> None:
        async with Connection(own_cluster()) as hub:
            while True:
                try:
                    await work(hub)
                except (SecretsError, AddressError, OSError) as error:
                    if once:
                        raise ExternalError(str(error)) from None
                    report_step(str(error))
                if once:
                    return
                await asyncio.sleep(every_s)

    with suppress(KeyboardInterrupt):
        asyncio.run(rounds())
