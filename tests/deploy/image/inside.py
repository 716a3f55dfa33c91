"""
pytest in an environment that has none: `PYTHON inside.py TOOLS ARGUMENTS…`, with the tests' packages in TOOLS.

They stand behind the environment's own packages, and what the image lacks is not found among them.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder

ABSENT = {"numpy", "pandas"}


class Absent(MetaPathFinder):
    """Finds no module of ABSENT."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> None:
        if fullname.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    sys.meta_path.insert(0, Absent())
    import pytest

    sys.exit(pytest.main(sys.argv[2:]))
