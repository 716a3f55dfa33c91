"""
`python -m tests.deploy.lint`: every manifest that is shipped, the Dockerfile and the compose file, before the checkers.

Exit code 1 if a checker finds what deploy/lint-exceptions.yaml does not permit, or if an exception is about nothing.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.lint import findings
from tests.deploy.lint.findings import Finding
from tests.deploy.lint.tools import program
from tests.deploy.rendering import DEPLOY, ROOT, SETS, built, rendered

KUBERNETES = "1.37"
EXCEPTIONS = DEPLOY / "lint-exceptions.yaml"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
FOLDERS = ("kustomize", "reader", "controller", "replicas", "argocd/copy-secrets", "argocd/hand-tokens")

SOURCES: Mapping[str, Callable[[], list[dict[str, Any]]]] = {
    **{folder: lambda folder=folder: built(DEPLOY / folder) for folder in FOLDERS},  # type: ignore[misc]
    **{f"chart:{name}": lambda name=name: rendered(name) for name in SETS},  # type: ignore[misc]
    "argocd": lambda: list(yaml.safe_load_all((DEPLOY / "argocd" / "applicationset.yaml").read_text(encoding="utf-8"))),
}
"""What is checked: manifests by the name that stands in findings and exceptions. A further one is a line here."""


def main() -> int:
    """Runs every checker; prints the problems and the numbers."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(_all_findings(Path(folder)))
    permitted = findings.read_exceptions(EXCEPTIONS.read_text(encoding="utf-8"))
    problems = findings.problems(found, permitted)
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    sys.stdout.write(f"{len(SOURCES)} sources, {len(set(found))} findings, {len(permitted)} exceptions\n")
    sys.stdout.write(f"{len(SOURCES) - bool(problems)} passed, {int(bool(problems))} failed\n")
    return int(bool(problems))


def _all_findings(folder: Path) -> Iterator[Finding]:
    """Every finding; the manifests are written into a folder."""
    files = {source: folder / f"{source.replace('/', '-').replace(':', '-')}.yaml" for source in SOURCES}
    for source, file in files.items():
        file.write_text(yaml.safe_dump_all(SOURCES[source]()), encoding="utf-8")
        yield from findings.of_kube_score(_run("kube-score", "score", "--output-format", "json", str(file)), source)
        validate = ("--strict", "--kubernetes-version", KUBERNETES, str(file))
        yield from findings.of_kubernetes_validate(_run("kubernetes-validate", *validate), source)
    named = {file.name: source for source, file in files.items()}
    yield from findings.of_checkov(_checkov("kubernetes", *files.values()), named)
    yield from findings.of_checkov(_checkov("dockerfile", DOCKERFILE), {DOCKERFILE.name: "deploy/Dockerfile"})
    yield from findings.of_hadolint(_run("hadolint", "--no-fail", "--format", "json", str(DOCKERFILE)), ROOT)
    yield from findings.of_compose_spec(
        _run("compose-spec", "--no-interpolation", str(COMPOSE)), "deploy/compose/compose.yaml"
    )


def _checkov(framework: str, *files: Path) -> str:
    named = [argument for file in files for argument in ("--file", str(file))]
    options = ("--framework", framework, "--output", "json", "--compact", "--quiet", "--skip-download")
    return _run("checkov", *named, *options)


def _run(name: str, *arguments: str) -> str:
    """What a checker prints, whatever it finds; one that fails prints something else, which its reader refuses."""
    done = subprocess.run([str(program(name)), *arguments], capture_output=True, text=True, check=False, timeout=600)
    return done.stdout or done.stderr


if __name__ == "__main__":
    sys.exit(main())
