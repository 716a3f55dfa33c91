"""
What Helm and kustomize make of the files in deploy/.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import build

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "chart"
VALUES = Path(__file__).resolve().parent / "values"
SETS = tuple(sorted(path.stem for path in VALUES.glob("*.yaml")))
"""Names of the value sets."""


def run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """One command of helm or kustomize to its end, whatever that is."""
    command = [str(build.programs(build.RENDER)[program]), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def helm(*arguments: str) -> str:
    """What a command of helm prints; fails with its message."""
    done = run("helm", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(name: str, *more: str, release: str = "lynceus", namespace: str = "lynceus") -> list[Json]:
    """The manifests of a value set, without those of `helm test`."""
    flags = ("--namespace", namespace, "--values", str(VALUES / f"{name}.yaml"), "--skip-tests")
    return documents(helm("template", release, str(CHART), *flags, *more))


def built(folder: Path) -> list[Json]:
    """The manifests of a kustomization."""
    done = run("kustomize", "build", str(folder))
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def documents(text: str) -> list[Json]:
    """The objects of a stream of YAML."""
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(manifests: Iterable[Json], kind: str) -> list[Json]:
    """The manifests of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def workload(manifests: Iterable[Json]) -> Json:
    """The one Deployment or StatefulSet."""
    (found,) = (manifest for manifest in manifests if manifest["kind"] in ("Deployment", "StatefulSet"))
    return found


def pod(manifests: Iterable[Json]) -> Json:
    """The pod of the one Deployment or StatefulSet."""
    found: Json = workload(manifests)["spec"]["template"]["spec"]
    return found


def settings_text(manifests: Iterable[Json]) -> bytes:
    """The settings file of the ConfigMap that the pod mounts."""
    (found,) = (data["lynceus.yaml"] for m in of_kind(manifests, "ConfigMap") if "lynceus.yaml" in (data := m["data"]))
    return str(found).encode()
