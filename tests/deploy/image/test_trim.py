"""What is taken out of the image's environment, on trees that are made up; test_environment.py does it to the real one."""

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from deploy.image import trim


def tree(folder: Path, names: Iterable[str]) -> Path:
    """A folder of site-packages with empty files."""
    packages = folder / "lib" / "python3.11" / "site-packages"
    for name in names:
        file = packages / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return packages


def deleted(packages: Path) -> set[str]:
    return {str(path.relative_to(packages)) for path in trim.doomed(packages)}


def test_a_folder_is_taken_once_and_a_module_with_what_was_compiled_of_it(tmp_path: Path) -> None:
    """A compiled file without its source would stay as bytes that nothing loads."""
    names = (
        "kubernetes/aio/client.py",
        "kubernetes/aio/tests/test_client.py",
        "kubernetes/client/api/apps_v1_api.py",
        "kubernetes/client/api/__pycache__/apps_v1_api.cpython-311.pyc",
        "kubernetes/client/api/coordination_v1_api.py",
        "kubernetes/client/api/__pycache__/coordination_v1_api.cpython-311.pyc",
    )
    packages = tree(tmp_path, names)

    assert deleted(packages) == {
        "kubernetes/aio",
        "kubernetes/client/api/apps_v1_api.py",
        "kubernetes/client/api/__pycache__/apps_v1_api.cpython-311.pyc",
    }


def test_the_engines_binding_for_this_python_stays(tmp_path: Path) -> None:
    """Without it the engine does not load."""
    packages = tree(tmp_path, (f"chdb/libpybind11nonlimitedapi_chdb_3.{minor}.so" for minor in (9, 11, 12)))

    assert deleted(packages) == {f"chdb/libpybind11nonlimitedapi_chdb_3.{minor}.so" for minor in (9, 12)}


@pytest.mark.parametrize(
    ("answer", "is_fine"),
    [
        ("No broken requirements found.", False),
        ("chdb 4.4.0 requires pandas, which is not installed.", True),
        ("chdb 4.4.0 requires pandas, which is not installed.\nb 1 requires c, which is not installed.", False),
        ("chdb 4.4.0 requires pandas, which is not installed.\nb 1 is not supported on this platform", False),
        ("chdb 4.4.0 has requirement pandas>=2, but you have pandas 1.", False),
    ],
)
def test_only_the_expected_complaints_of_pip_pass(
    answer: str, is_fine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A distribution too many taken out would be an error at run time, in a container."""
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))

    if is_fine:
        trim.expect(tmp_path, {"chdb requires pandas"})
    else:
        with pytest.raises(SystemExit, match="expected"):
            trim.expect(tmp_path, {"chdb requires pandas"})


def test_a_machine_without_strip_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(SystemExit, match="install binutils"):
        trim.strip([])
