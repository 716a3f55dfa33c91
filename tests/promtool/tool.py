"""
Debian's promtool, the judge of rules, expressions and of our own exposition.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec


def printed(*arguments: str | Path) -> str:
    """What promtool prints, also if it reports that something is not as expected."""
    return _run(arguments, b"")[1]


def promtool(*arguments: str | Path, stdin: bytes = b"") -> str:
    """What promtool prints; fails with its output if it reports an error, or with the remedy if it is missing."""
    code, output = _run(arguments, stdin)
    assert code == 0, output
    return output


def _run(arguments: Sequence[str | Path], stdin: bytes) -> tuple[int, str]:
    tool = shutil.which("promtool")
    assert tool, "promtool is not installed; run: apt-get install prometheus"
    environment = {**os.environ, "GOGC": "400"}  # it ends soon, and collecting garbage is a fifth of its time
    ran = subprocess.run([tool, *arguments], input=stdin, capture_output=True, env=environment, timeout=60, check=False)
    return ran.returncode, (ran.stdout + ran.stderr).decode()


def write_cases(file: Path, content: Mapping[str, object]) -> None:
    """Writes a file for promtool; JSON is YAML too, and PyYAML takes seconds for the series of an incident."""
    file.write_bytes(msgspec.json.encode(content))
