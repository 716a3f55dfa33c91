"""
The official FOCUS validator, installed once from pinned packages into an environment of its own.

It needs Python 3.12 and older libraries than ours. Its environment is kept under a name made from the pins: the same pins
never install twice, and changed pins never find an old environment. Nothing is written outside .cache/.

    python -m tests.store.focus_validator FILE
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from generate.focus_page import CRITERIA
from tests.start.machine import interpreters

HERE = Path(__file__).resolve().parent
LOCK = HERE / "focus_validator.lock"
CACHE = HERE.parent.parent / ".cache" / "focus"
PYTHON = (3, 12)
_FAILED = re.compile(r"^\S+ (\S+-[CD]-\d+-[CMO]): FAIL", re.MULTILINE)
_TOTAL = re.compile(r"Total: (\d+) \| Pass: (\d+) \| Fail: (\d+) \| Skipped: (\d+)")


class ValidatorError(RuntimeError):
    """The validator could not be installed, or did not judge a file."""


class Verdict(NamedTuple):
    """What the validator found."""

    passed: int
    failed: frozenset[str]
    """Names of the rules."""


def judge(file: Path, criteria: Sequence[str] = CRITERIA) -> Verdict:
    """Runs the rules of FOCUS 1.2 on a CSV or Parquet file."""
    environment = installed()
    command = [
        *(str(environment / "bin" / "focus-validator"), "--data-file", str(file.resolve())),
        *("--validate-version", "1.2", "--focus-dataset", "CostAndUsage", "--output-type", "console"),
        *("--applicability-criteria", ",".join(criteria), "--block-download"),
    ]
    # It reads its own rules by a path that starts in its packages.
    (packages,) = environment.glob("lib/python*/site-packages")
    done = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=300, check=False)
    total = _TOTAL.search(done.stdout)
    if total is None:
        raise ValidatorError(f"the validator did not judge {file}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    failed = frozenset(_FAILED.findall(done.stdout))
    if len(failed) != int(total[3]):
        raise ValidatorError(f"the validator counts {total[3]} failed rules and names {sorted(failed)}")
    return Verdict(int(total[2]), failed)


def installed() -> Path:
    """The environment of the validator; installs it first if it is missing."""
    folder = CACHE / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone(CACHE / "lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder)
            (folder / "complete").touch()
    return folder


def _install(folder: Path) -> None:
    python = next((found.path for found in interpreters() if found.version == PYTHON), None)
    if python is None:
        raise ValidatorError(
            "the FOCUS validator needs Python 3.12, and this machine has none on PATH or in ~/.pyenv; install it"
        )
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    _run([python, "-m", "venv", str(folder)])
    _run([*pip, "--no-deps", "--require-hashes", "-r", str(LOCK)])


def _run(command: Sequence[str]) -> None:
    # The environment of the tests must not reach into that of the validator.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise ValidatorError(f"the FOCUS validator was not installed: {' '.join(command)}\n{done.stdout}{done.stderr}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Makes a second test run wait for the first one's installation; the kernel frees the lock of a killed one."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    verdict = judge(Path(sys.argv[1]))
    sys.stdout.write(f"{verdict.passed} rules passed, failed: {', '.join(sorted(verdict.failed)) or 'none'}\n")
