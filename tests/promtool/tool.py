"""
Debian's promtool, the judge of rules, expressions and of our own exposition.
"""

import shutil
import subprocess
from pathlib import Path


def promtool(*arguments: str | Path, stdin: bytes = b"") -> str:
    """What promtool prints; fails with its words when it is not content, or with the remedy when it is missing."""
    tool = shutil.which("promtool")
    assert tool, "promtool is not installed; run: apt-get install prometheus"
    ran = subprocess.run([tool, *arguments], input=stdin, capture_output=True, timeout=60, check=False)
    said = (ran.stdout + ran.stderr).decode()
    assert ran.returncode == 0, said
    return said
