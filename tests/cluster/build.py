"""
The programs of a real control plane, built once from source: kube-apiserver, etcd and kwok; helm and kustomize, which render
what is deployed; kube-score and compose-spec, which judge it.

They come from Go modules and not as downloads, so go.sum vouches for every byte. Four modules, because the dependencies
of kube-apiserver, of etcd and kwok, of helm and kustomize, and of the judges need not agree. A cold build takes minutes, so
the result is kept under a name made from a module's pins: the same pins never build twice, and changed pins never find an
old program. Beside Go's own caches nothing is written outside .cache/.

    python -m tests.cluster.build
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".cache" / "cluster"
CONTROL_PLANE, RENDER, JUDGES = ("etcdkwok", "apiserver"), ("render",), ("lint",)
"""Modules by what they are for."""
PINS = ("go.mod", "go.sum", "tools.go")


class BuildError(RuntimeError):
    """A program could not be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command of a Go module, and the folder here that pins the module."""

    name: str
    module: str
    package: str


PROGRAMS = (
    Program(name="etcd", module="etcdkwok", package="go.etcd.io/etcd/server/v3"),
    Program(name="kwok", module="etcdkwok", package="sigs.k8s.io/kwok/cmd/kwok"),
    Program(name="kube-apiserver", module="apiserver", package="k8s.io/kubernetes/cmd/kube-apiserver"),
    Program(name="helm", module="render", package="helm.sh/helm/v3/cmd/helm"),
    Program(name="kustomize", module="render", package="sigs.k8s.io/kustomize/kustomize/v5"),
    Program(name="kube-score", module="lint", package="github.com/zegl/kube-score/cmd/kube-score"),
    Program(name="compose-spec", module="lint", package="github.com/compose-spec/compose-go/v2/cmd"),
)


def pins_hash(module: str) -> str:
    """A digest of a module's go.mod, go.sum and tools.go, as a name."""
    digest = hashlib.sha256()
    for pin in PINS:
        content = (HERE / module / pin).read_bytes()
        digest.update(f"{module}/{pin} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def programs(modules: Collection[str] = (*CONTROL_PLANE, *RENDER)) -> Mapping[str, Path]:
    """The path of each program of some modules by its name; builds missing ones first."""
    return {program.name: _built(program) for program in PROGRAMS if program.module in modules}


def _built(program: Program) -> Path:
    """The program's path; the file is complete or missing, however a build ends."""
    folder = CACHE / f"{program.module}-{pins_hash(program.module)}"
    path = folder / program.name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / "lock"):
        if not path.exists():
            _build(program, path)
    return path


def _build(program: Program, path: Path) -> None:
    started = time.monotonic()
    sys.stderr.write(f"building {program.name} (minutes from a cold cache)\n")
    partial = path.with_suffix(".partial")
    _go_build(program, partial)
    partial.replace(path)
    sys.stderr.write(f"built {program.name} in {time.monotonic() - started:.0f} s\n")


def _go_build(program: Program, output: Path) -> None:
    """Leaves the stripped, static program at `output`."""
    if shutil.which("go") is None:
        raise BuildError(f"{program.name}: no `go` on PATH to build it with; install Go 1.26 or newer")
    command = ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(output), program.package]
    # A go.work in some folder above must not change what the pins say.
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    try:
        subprocess.run(command, cwd=HERE / program.module, env=environment, stdin=subprocess.DEVNULL, check=True)
    except subprocess.CalledProcessError as error:
        raise BuildError(
            f"{program.name}: `go build {program.package}` in {HERE / program.module} ended with {error.returncode}; "
            "its own message is above"
        ) from error


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Makes a second test run wait for the first one's build; the kernel frees the lock of a killed one."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in programs().values())
