"""
The machine of a newcomer: its Pythons, a clean clone, and an index on which everything has a newer release.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which

ROOT = Path(__file__).parents[2]
OLDEST_PYTHON = (3, 11)
"""As `requires-python` has it."""
NEWER = "9999.0"
"""The version of every release that was published after the locks."""
NOT_OURS = ("PYTEST", "COV", "VIRTUAL_ENV", "PYTHON", "MAKE")
"""Beginnings of environment variables that this test run has and a newcomer's shell has not."""

_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\\n]+)", re.MULTILINE)
_ABOUT = (
    "import ensurepip, json, sys, venv; print(json.dumps([sys.version_info[:2], sys.executable, ensurepip.version()]))"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine."""

    version: tuple[int, int]
    path: str
    pip: str
    """The version of pip that this Python ships."""

    @property
    def name(self) -> str:
        return ".".join(map(str, self.version))


def interpreters() -> list[Interpreter]:
    """One interpreter of each minor version that can run the collector, the oldest first."""
    candidates = [
        *(which(f"python3.{minor}") for minor in range(OLDEST_PYTHON[1], OLDEST_PYTHON[1] + 10)),
        *sorted(map(str, Path.home().glob(".pyenv/versions/*/bin/python3"))),
        str(Path(sys.base_prefix) / "bin" / "python3"),
    ]
    found: dict[tuple[int, int], Interpreter] = {}
    for candidate in filter(None, candidates):
        interpreter = _described(candidate)
        if interpreter is not None and interpreter.version >= OLDEST_PYTHON:
            found.setdefault(interpreter.version, interpreter)
    return [found[version] for version in sorted(found)]


def _described(path: str) -> Interpreter | None:
    """What an interpreter reports of itself; None where it does not run or cannot make a virtual environment."""
    done = subprocess.run([path, "-c", _ABOUT], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    version, executable, pip = json.loads(done.stdout)
    return Interpreter(tuple(version), executable, pip)


def locked(*locks: str) -> dict[str, str]:
    """The version of each package that locks pin, by its normalised name."""
    text = "\n".join((ROOT / lock).read_text(encoding="utf-8") for lock in locks)
    return {normalised(name): version for name, version in _LOCKED.findall(text)}


def normalised(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def publish(folder: Path, names: Iterable[str]) -> None:
    """Writes a newer release of each package into a folder that pip can search."""
    for name in names:
        project = name.replace("-", "_")
        about = f"{project}-{NEWER}.dist-info"
        with zipfile.ZipFile(folder / f"{project}-{NEWER}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {NEWER}\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A clean clone of this repository, and the environment in which a newcomer types the commands."""

    folder: Path
    environment: Mapping[str, str]
    python: str

    def attempt(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a command in the checkout, whatever its exit code; further variables join its environment."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )

    def run(self, *command: str, **variables: str) -> str:
        """Runs a command that must succeed; what it wrote."""
        done = self.attempt(*command, **variables)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def make(self, *arguments: str, **variables: str) -> str:
        """Runs targets of the Makefile with the Python of this checkout."""
        return self.run("make", *arguments, f"PYTHON={self.python}", **variables)

    def pip(self, *arguments: str) -> str:
        """Runs the pip of the virtual environment."""
        return self.run(".venv/bin/python", "-m", "pip", *arguments)

    def pip_version(self) -> str:
        return self.pip("--version").split()[1]

    def installed(self) -> dict[str, str]:
        """The version of each installed package, without the installer and the checkout itself."""
        listed = json.loads(self.pip("list", "--format", "json"))
        versions = {normalised(package["name"]): package["version"] for package in listed}
        return {name: version for name, version in versions.items() if name not in {"pip", "setuptools", "lynceus"}}


def clone(folder: Path, interpreter: Interpreter, newer: Path) -> Checkout:
    """Clones the repository, as committed, into a folder; pip finds the newer releases of another folder."""
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(folder)], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
    links = f"{environment.get('PIP_FIND_LINKS', '')} {newer}".strip()
    return Checkout(folder, {**environment, "PIP_FIND_LINKS": links}, interpreter.path)
