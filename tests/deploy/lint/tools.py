"""
The programs that read manifests, Dockerfile and compose file, each pinned by hash and kept under .cache/.

Those of Python stand in an environment of their own, made once for a tools.lock: checkov alone needs eighty packages, and
none of them may reach the program's. kube-score and compose-spec are built from their Go modules, as the control plane is.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from tests.cluster import build

LOCK = Path(__file__).with_name("tools.lock")
CACHE = Path(__file__).resolve().parents[3] / ".cache" / "lint"


def python_tools(lock: Path = LOCK, cache: Path = CACHE) -> Path:
    """The folder of the programs that a lock pins; makes their environment first, and again if that was not completed."""
    folder = cache / hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    complete = folder / "complete"
    if not complete.exists():
        sys.stderr.write(f"installing what {lock.name} pins (minutes)\n")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-q", "--no-deps", "--require-hashes", "-r", str(lock)], check=True)
        complete.touch()
    return folder / "bin"


def program(name: str) -> Path:
    """A program, of either kind."""
    if name in ("kube-score", "compose-spec"):
        return build.programs(build.JUDGES)[name]
    return python_tools() / name
