"""
A folder whose files are all generated: write it, or name the files that are out of date.
"""

from pathlib import Path


def out_of_date(folder: Path, generated: dict[str, str]) -> list[str]:
    """Names of files that are missing, differ, or are no longer generated."""
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} if folder.is_dir() else {}
    return sorted(name for name in present.keys() | generated.keys() if present.get(name) != generated.get(name))


def write(folder: Path, generated: dict[str, str]) -> None:
    """Makes the folder hold these files and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in generated:
            path.unlink()
    for name, text in generated.items():
        (folder / name).write_text(text, encoding="utf-8")
