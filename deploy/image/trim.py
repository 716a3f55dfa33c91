"""
Takes out of the image's environment what nothing of Lynceus loads, and proves that the rest is whole.

    python3 deploy/image/trim.py /opt/lynceus

`pip check` speaks before and after: first it must have no complaint, then those in ABSENT and no other. The tests of
tests/deploy/image run the program in an environment that was trimmed so.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

DISTRIBUTIONS = {
    "pandas": "chdb makes DataFrames of it; Lynceus reads the bytes of an answer",
    "numpy": "pandas asks for it, and pyarrow for its arrays; Lynceus has lists",
    "hatchling": "made the wheel of this checkout",
    "editables": "made the wheel of this checkout",
    "packaging": "made the wheel of this checkout",
    "pathspec": "made the wheel of this checkout",
    "pluggy": "made the wheel of this checkout",
    "tomlkit": "made the wheel of this checkout",
    "trove-classifiers": "made the wheel of this checkout",
}
"""What is uninstalled, and why nothing misses it; one that the lock does not have is passed over."""

ABSENT = {"chdb": "pandas", "chdb-core": "pandas"}
"""Who then still asks for what, as `pip check` says it."""

UNSTRIPPED = "chdb/_chdb.abi3.so"
"""The engine comes without symbols, and finds its own parts by their place in the file."""

FILES = {
    "babel/locale-data/*.dat": "one for each language of the world",
    "kubernetes/aio": "the asyncio twin of the client",
    "kubernetes/client/api/*": "one class for each API group",
    "kubernetes/client/models/*": "one class for each kind",
    "chdb/agents": "tools for language models",
    "chdb/dataframe": "needs pandas",
    "chdb/durable": "backups of chdb's own to clouds",
    "chdb/libpybind11nonlimitedapi_chdb_3.*.so": "the binding for each Python",
    "datastore": "chdb's pandas",
    "adbc_driver_chdb": "chdb under another interface",
    "pyarrow/include": "headers",
    "pyarrow/src": "sources",
    "pyarrow/_flight.*": "Arrow over gRPC",
    "pyarrow/libarrow_flight.*": "Arrow over gRPC",
    "pyarrow/libarrow_python_flight.*": "Arrow over gRPC",
    "pyarrow/_s3fs.*": "files in S3",
    "pyarrow/libarrow_s3.*": "files in S3",
    "pyarrow/libarrow_python*.so": "for the linker of other programs; a copy of the one with a version",
    "pyarrow/libarrow_python*.so.*.*": "another copy of it",
    "pyarrow/_azurefs.*": "files in Azure",
    "pyarrow/_gcsfs.*": "files in Google's cloud",
    "pyarrow/_hdfs.*": "files in Hadoop",
    "pyarrow/_pyarrow_cpp_tests.*": "tests",
    "pygments/lexers/[a-z]*.py": "languages to colour; the commands colour none",
    "zstandard/_cffi.*": "its binding for PyPy",
    "zstandard/backend_cffi.py": "its binding for PyPy",
    "**/tests": "tests",
    "**/*.pyx": "sources of compiled modules",
    "**/*.pxd": "sources of compiled modules",
    "**/*.pxi": "sources of compiled modules",
    "**/*.pyi": "types, for checkers",
}
"""What is deleted below site-packages, as a pattern of pathlib, and what it is."""

KEPT = (
    *(f"babel/locale-data/{name}.dat" for name in ("root", "en", "zh", "zh_Hans", "zh_Hans_CN")),
    "kubernetes/client/api/__init__.py",
    "kubernetes/client/api/coordination_v1_api.py",
    "kubernetes/client/models/__init__.py",
    *(
        f"kubernetes/client/models/{name}.py"
        for name in (
            "v1_api_resource",
            "v1_api_resource_list",
            "v1_delete_options",
            "v1_lease",
            "v1_lease_list",
            "v1_lease_spec",
            "v1_list_meta",
            "v1_managed_fields_entry",
            "v1_object_meta",
            "v1_owner_reference",
            "v1_preconditions",
            "v1_shard_info",
            "v1_status",
            "v1_status_cause",
            "v1_status_details",
        )
    ),
    "chdb/libpybind11nonlimitedapi_chdb_{python}.so",
    "pygments/lexers/diff.py",
    "pygments/lexers/python.py",
)
"""What a pattern above would take, and is needed: for the languages of pages, the collector's Leases, the engine, colours."""


def main() -> None:
    """Trims the environment that is named by the first argument."""
    environment = Path(sys.argv[1])
    trim(environment)


def trim(environment: Path) -> None:
    """Takes DISTRIBUTIONS and FILES out of a virtual environment; SystemExit if `pip check` says anything unexpected."""
    expect(environment, set())
    pip(environment, "uninstall", "--quiet", "--yes", *DISTRIBUTIONS)
    (packages,) = environment.glob("lib/python3.*/site-packages")
    for path in doomed(packages):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    strip(path for path in packages.rglob("*.so*") if path != packages / UNSTRIPPED)
    installed = {path.name.partition("-")[0].replace("_", "-").lower() for path in packages.glob("*.dist-info")}
    expect(environment, {f"{parent} requires {name}" for parent, name in ABSENT.items() if parent in installed})


def doomed(packages: Path) -> Iterator[Path]:
    """Every file and outermost folder to delete, and the compiled file beside each module."""
    kept = {packages / name.format(python=packages.parent.name.removeprefix("python")) for name in KEPT}
    found = {path for pattern in FILES for path in packages.glob(pattern) if path.name != "__pycache__"} - kept
    for path in found:
        if not found.isdisjoint(path.parents):
            continue
        yield path
        if path.suffix == ".py":
            yield from (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")


def strip(files: Iterable[Path]) -> None:
    """Takes symbols and debug information out of compiled modules; SystemExit where the program for it is missing."""
    if shutil.which("strip") is None:
        raise SystemExit("trim.py needs `strip`: install binutils")
    for path in files:
        subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)


def expect(environment: Path, complaints: set[str]) -> None:
    """SystemExit if `pip check` of the environment has other complaints."""
    answer = pip(environment, "check", check=False).stdout.splitlines()
    # "chdb 4.4.0 requires pandas, which is not installed."
    found = {f"{line.split()[0]} {line.partition(',')[0].split(' ', 2)[-1]}" for line in answer if " requires " in line}
    others = [line for line in answer if " requires " not in line and line != "No broken requirements found."]
    if found != complaints or others:
        raise SystemExit(
            f"pip check of {environment}: expected {sorted(complaints)}, and it says:\n" + "\n".join(answer)
        )


def pip(environment: Path, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Runs the pip of this Python on another environment, which needs none of its own."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        str(environment / "bin" / "python"),
    ]
    return subprocess.run([*command, *arguments], check=check, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    main()
