"""
Debian's promtool, the judge of rules, expressions and of our own exposition.
"""

import shutil
import subprocess
from pathlib import Path


def promtool(*arguments: str | Path, stdin: bytes = b"") -> str:
    """What promtool prints; fails with its output if it reports an error, or with the remedy if it is missing."""
    tool = shutil.which("promtool")
    assert tool, "promtool is not installed; run: apt-get install prometheus"
    ran = subprocess.run([tool, *arguments], input=stdin, capture_output=True, timeout=60, check=False)
    output = (ran.stdout + ran.stderr).decode()
    assert ran.returncode == 0, output
    return output
