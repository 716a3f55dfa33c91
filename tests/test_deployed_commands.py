"""What the manifests of Argo CD start: commands that exist, and folders that both containers see."""

from pathlib import Path
from typing import Any

import typer
import yaml

from collector.cli.main import app
from collector.settings.load import parse_settings

ARGOCD = Path(__file__).parents[1] / "deploy" / "argocd"


def containers(file: str) -> dict[str, Any]:
    """The containers of a Deployment by name."""
    pod = yaml.safe_load((ARGOCD / file).read_text(encoding="utf-8"))["spec"]["template"]["spec"]
    return {container["name"]: container for container in pod["containers"]}


def option(arguments: list[str], name: str) -> str:
    """The value of an option."""
    return arguments[arguments.index(name) + 1]


def test_the_arguments_of_the_containers_are_commands() -> None:
    """A renamed option would end the container at its start."""
    group: Any = typer.main.get_command(app)
    for arguments in (
        containers("hand-tokens/deployment.yaml")["hand-tokens"]["args"],
        containers("copy-secrets/sidecar.yaml")["copy-secrets"]["args"],
    ):
        command = group.commands[arguments[0]].commands[arguments[1]]
        names = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= names


def test_the_sidecar_writes_where_the_collector_reads_and_the_folder_exists_at_the_start() -> None:
    """A folder that the sidecar makes later would be an error of the settings at the collector's start."""
    both = containers("copy-secrets/sidecar.yaml")
    folder = option(both["copy-secrets"]["args"], "--to")
    text = yaml.safe_load((ARGOCD / "copy-secrets" / "settings.yaml").read_text(encoding="utf-8"))["data"][
        "lynceus.yaml"
    ]
    mounts = {name: [mount["mountPath"] for mount in container["volumeMounts"]] for name, container in both.items()}

    assert parse_settings(text.encode(), "settings.yaml").discovery.argocd_secrets == folder
    assert all(folder in paths for paths in mounts.values())
