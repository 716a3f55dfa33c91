"""
Generated files in their folder: write them, or name those that are out of date.
"""

from pathlib import Path


def out_of_date(folder: Path, generated: dict[str, str], *, shared: bool = False) -> list[str]:
    """Names of files that are missing, differ, or are no longer generated; in a shared folder other files may stand."""
    present = (
        {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()}
        if folder.is_dir()
        else {}
    )
    expected = generated.keys() if shared else present.keys() | generated.keys()
    return sorted(name for name in expected if present.get(name) != generated.get(name))


def write(folder: Path, generated: dict[str, str], *, shared: bool = False) -> None:
    """Makes the folder hold these files, and no others unless it is shared."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if not shared and path.name not in generated:
            path.unlink()
    for name, text in generated.items():
        (folder / name).write_text(text, encoding="utf-8")
