"""
`python -m generate` writes every generated folder; `python -m generate alerts` writes one; --check only compares.
"""

import argparse
import importlib
import sys
from pathlib import Path

from generate.folder import out_of_date, write

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "dashboards": ("dashboards.files", "dashboards/generated"),
    "alerts": ("alerts.files", "alerts/generated"),
    "reference": ("generate.reference", "docs/reference"),
}
"""By the name on the command line: the module whose `files()` gives names and texts, and the folder that holds them."""


def files_of(name: str) -> dict[str, str]:
    """Every file of a generated folder, by its name."""
    # Imported only when needed: an operator who changes a threshold does not need what draws dashboards.
    made: dict[str, str] = importlib.import_module(FOLDERS[name][0]).files()
    return made


def folder_of(name: str) -> Path:
    """The folder that holds the files."""
    return ROOT / FOLDERS[name][1]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; the exit code is 1 if --check found a difference."""
    parser = argparse.ArgumentParser(prog="python -m generate", description="Write the generated folders.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FOLDERS)}; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a file is out of date")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in FOLDERS]:
        parser.error(f"unknown folder {unknown[0]!r}, expected one of {', '.join(FOLDERS)}")
    stale = 0
    for name in chosen.names or FOLDERS:
        if not chosen.check:
            write(folder_of(name), files_of(name))
        elif differing := out_of_date(folder_of(name), files_of(name)):
            stale = 1
            sys.stderr.write(f"{FOLDERS[name][1]} is out of date: {', '.join(differing)}; run python -m generate\n")
    return stale


if __name__ == "__main__":
    sys.exit(main())
