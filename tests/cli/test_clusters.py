"""`lynceus clusters` as a container runs it, against an API server on loopback."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.cli.clusters import app
from collector.connect import ExternalError
from tests.kube.hub import ADMIN, Hub
from tests.kube.test_reader_tokens import TARGET, a_token
from tests.watch.server import kubeconfig


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that the current context will name once it is served."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return Hub()


async def run(hub: Hub, folder: Path, arguments: list[str]) -> tuple[int, str, BaseException | None]:
    """The exit code, the output and the error of a command."""
    made = kubeconfig(folder, hub.url).kubeconfig
    assert made is not None
    (folder / "kubeconfig").write_bytes(made.read_bytes())
    done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    return done.exit_code, done.output, done.exception


def files_with(text: str, folder: Path) -> list[Path]:
    """The files that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_text()]


async def test_a_round_of_copies(hub: Hub, tmp_path: Path) -> None:
    """The folder holds the secrets, the output their number and nothing of them."""
    async with hub.serving():
        hub.add("prod")
        code, output, _ = await run(hub, tmp_path, ["copy", "--to", str(tmp_path / "clusters"), "--once"])

    assert (code, output) == (0, f"1 cluster secrets in {tmp_path / 'clusters'}\n")
    assert [path.name for path in (tmp_path / "clusters").iterdir()] == ["cluster-prod.json"]


async def test_a_round_of_tokens(hub: Hub, tmp_path: Path) -> None:
    """The collector's namespace holds a token; neither the output nor a file holds one."""
    async with hub.serving():
        hub.add("prod")
        hub.tokens = [a_token()]
        code, output, _ = await run(hub, tmp_path, ["hand-tokens", "--to-namespace", TARGET, "--once"])

    assert (code, output) == (0, "cluster prod: a token of its reader was handed over\n")
    assert hub.config(TARGET, "cluster-prod")["bearerToken"] == a_token()
    assert files_with(ADMIN, tmp_path) == []


async def test_a_round_that_fails_ends_with_a_remedy(hub: Hub, tmp_path: Path) -> None:
    """Exit code and sentence are the command line's own; a copy of before stays."""
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "cluster-old.json").write_text("{}")
    hub.status = 403
    async with hub.serving():
        _, _, error = await run(hub, tmp_path, ["copy", "--to", str(tmp_path / "clusters"), "--once"])

    assert isinstance(error, ExternalError)
    assert "grant its ServiceAccount a Role" in str(error)
    assert (tmp_path / "clusters" / "cluster-old.json").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--to-namespace", "argocd"), "must not be Argo CD's own namespace"),
        (("--to-namespace", TARGET, "--account", "lynceus"), "is not NAMESPACE/NAME"),
    ],
)
async def test_wrong_use_is_refused(hub: Hub, tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    """Argo CD would take a handed secret in its own namespace for a cluster."""
    code, output, _ = await run(hub, tmp_path, ["hand-tokens", *arguments, "--once"])

    assert code == 2
    assert expected in " ".join(output.replace("│", " ").split())
