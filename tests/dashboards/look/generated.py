"""
The dashboards as they are checked in.
"""

import json
from pathlib import Path
from typing import Any

from tests.processes import ROOT

GENERATED = ROOT / "dashboards" / "generated"


def files() -> list[Path]:
    """The file of each dashboard."""
    return sorted(GENERATED.glob("*.json"))


def dashboards() -> dict[str, dict[str, Any]]:
    """Each dashboard by the name of its file."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files()}
