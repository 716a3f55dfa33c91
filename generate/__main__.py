"""
`python -m generate` writes every generated folder; `python -m generate alerts` writes one; --check only compares.
"""

import argparse
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

from generate.folder import out_of_date, write

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder with generated files."""

    module: str
    """Where the function is."""
    path: str
    function: str = "files"
    """Gives names and texts."""
    shared: bool = False
    """Whether files that are not generated stand in the folder too."""

    def files(self) -> dict[str, str]:
        """Every generated file, by its name."""
        # Imported only when needed: an operator who changes a threshold does not need what draws dashboards.
        made: dict[str, str] = getattr(importlib.import_module(self.module), self.function)()
        return made

    def out_of_date(self) -> list[str]:
        """Names of files that differ from what the code makes."""
        return out_of_date(ROOT / self.path, self.files(), shared=self.shared)

    def write(self) -> None:
        """Makes the files what the code makes."""
        write(ROOT / self.path, self.files(), shared=self.shared)


FOLDERS = {
    "dashboards": Folder(module="dashboards.files", path="dashboards/generated"),
    "alerts": Folder(module="alerts.files", path="alerts/generated"),
    "twins": Folder(module="alerts.files", function="twins_files", path="alerts/generated-twins"),
    "role": Folder(module="generate.role", path="deploy/reader/rights", shared=True),
    "controller": Folder(module="generate.role", function="controller_files", path="deploy/controller", shared=True),
    "chart": Folder(module="generate.chart", path="deploy/chart/generated"),
    "values": Folder(module="generate.values_schema", path="deploy/chart", shared=True),
    "english": Folder(module="generate.catalogs", function="english_files", path="collector/language/catalogs/en"),
    "chinese": Folder(module="generate.catalogs", function="chinese_files", path="collector/language/catalogs/zh_CN"),
    "reference": Folder(module="generate.reference", path="docs/reference"),
}
"""By the name on the command line."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; the exit code is 1 if --check found a difference."""
    parser = argparse.ArgumentParser(prog="python -m generate", description="Write the generated folders.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FOLDERS)}; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a file is out of date")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in FOLDERS]:
        parser.error(f"unknown folder {unknown[0]!r}, expected one of {', '.join(FOLDERS)}")
    stale = 0
    for folder in (FOLDERS[name] for name in chosen.names or FOLDERS):
        if not chosen.check:
            folder.write()
        elif differing := folder.out_of_date():
            stale = 1
            sys.stderr.write(f"{folder.path} is out of date: {', '.join(differing)}; run python -m generate\n")
    return stale


if __name__ == "__main__":
    sys.exit(main())
