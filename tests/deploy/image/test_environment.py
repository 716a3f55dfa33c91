"""
Both environments of the image, made by the script of the Dockerfile: what they weigh, and that the program works in them.

The program's own tests run in each, with the tests' tools from this environment behind its own packages. Distributions that
were taken out cannot be found there either.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.image import trim
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.image

MIB = 1 << 20
LIMIT_MIB = {"engine": 700, "server": 250}

ROOMS = {
    "engine": ("tests/kube", "tests/bills", "tests/traces", "tests/store/embedded", "tests/store/test_export.py"),
    "server": ("tests/kube", "tests/bills", "tests/traces/test_otlp.py", "tests/exposition"),
}
"""Tests that reach every package that lost files: kubernetes, pyarrow, chdb, zstandard, pygments."""

WITH_PANDAS = "tests/store/embedded/test_server.py::test_clickhouse_connect_as_it_comes"
"""A test of a client elsewhere, which makes DataFrames."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An installed environment."""

    variant: str
    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs its Python, from the root of the checkout."""
        return subprocess.run(
            [self.python, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False
        )


@pytest.fixture(scope="module", params=sorted(LIMIT_MIB))
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("image") / "lynceus"
    subprocess.run(
        ["sh", "deploy/image/install.sh", request.param, str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHON": sys.executable},
        check=True,
        timeout=1800,
    )
    return Environment(request.param, folder)


def test_its_size_is_within_the_limit(environment: Environment) -> None:
    """Every node pulls it; the engine alone is 530 MiB."""
    files = [path for path in environment.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files)
    sys.stdout.write(f"{environment.variant}: {size / MIB:.0f} MiB, {size / 1e6:.0f} MB, {len(files)} files\n")

    assert size <= LIMIT_MIB[environment.variant] * MIB


def test_its_list_of_contents_is_what_is_installed(environment: Environment) -> None:
    """A scanner must not look for holes in pandas, which is gone, and must know the engine."""
    listed = json.loads((environment.folder / "share" / "lynceus.cdx.json").read_text(encoding="utf-8"))
    about = [*environment.folder.glob("lib/python3.*/site-packages/*.dist-info/METADATA")]
    installed = {_name(path.read_text(encoding="utf-8")) for path in about}

    named = {part["name"] for part in listed["components"]} | {listed["metadata"]["component"]["name"]}
    assert listed["bomFormat"] == "CycloneDX"
    assert {_normal(name) for name in named} == installed
    assert not installed & trim.DISTRIBUTIONS.keys()
    assert ("chdb" in installed) == (environment.variant == "engine")


def _name(metadata: str) -> str:
    """The name of a distribution, as pip compares it."""
    (name,) = (line.partition(": ")[2] for line in metadata.splitlines() if line.startswith("Name: "))
    return _normal(name)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_without_the_engine_the_error_names_the_remedy(environment: Environment, tmp_path: Path) -> None:
    """The default of `store.url` is the embedded store, which this image lacks."""
    if environment.variant == "engine":
        pytest.skip("it has the engine")

    done = environment.run(*f"-m collector store --path {tmp_path}/store --listen 127.0.0.1:{free_port()}".split())

    assert done.returncode != 0
    assert "set store.url to a ClickHouse server" in done.stderr + done.stdout


def test_the_programs_own_tests_pass_in_it(environment: Environment) -> None:
    """Nothing that was taken out is missed."""
    tools = str(Path(pytest.__file__).parents[1])

    options = ["-q", "-x", "-p", "no:cacheprovider", "--deselect", WITH_PANDAS]
    inside = "tests/deploy/image/inside.py"
    done = environment.run(inside, tools, *options, *ROOMS[environment.variant])

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
