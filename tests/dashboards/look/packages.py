"""
npm packages that tests of dashboards need, and the bundle of our renderer, installed once under .cache/look.

The lock vouches for every byte and names no registry, so each machine asks the one that it is set up with. No script of a
package is run. A cold install takes a minute or two, so the result is kept under a name made from the pins: the same pins
never install twice, and changed pins never find old packages. Beside npm's own cache nothing is written outside .cache/.

    python -m tests.dashboards.look.packages
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent.parent / ".cache" / "look"
PINS = ("package.json", "package-lock.json")
SOURCES = ("page", "server", "shared")


class InstallError(RuntimeError):
    """npm packages could not be installed, or not be bundled."""


def renderer() -> Path:
    """The folder of the renderer's bundle, with `node_modules` above it; installs and bundles what is missing first."""
    folder = installed(HERE)
    bundle = folder / f"bundle-{_digest(sorted(_sources()))}"
    with _alone(folder / "lock"):
        if not bundle.exists():
            partial = folder / "bundle.partial"
            shutil.rmtree(partial, ignore_errors=True)
            _bundle(folder, partial)
            partial.replace(bundle)
    return bundle


def installed(pins: Path) -> Path:
    """The folder that has `node_modules` of a package.json and its lock; it is complete or missing, however npm ends."""
    folder = CACHE / f"{pins.name}-{_digest([pins / name for name in PINS])}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone(CACHE / f"{folder.name}.lock"):
        if not folder.exists():
            partial = CACHE / f"{folder.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            for name in PINS:
                shutil.copy(pins / name, partial)
            _npm_ci(pins.name, partial)
            partial.replace(folder)
    return folder


def _npm_ci(name: str, folder: Path) -> None:
    if shutil.which("npm") is None:
        raise InstallError(f"{name}: no `npm` on PATH to install packages with; install Node.js 20 or newer")
    started = time.monotonic()
    sys.stderr.write(f"installing npm packages of {name} (a minute or two from a cold cache)\n")
    with (folder / "npm.log").open("wb") as log:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]
        ended = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if ended.returncode:
        words = (folder / "npm.log").read_text(encoding="utf-8", errors="replace")
        raise InstallError(f"{name}: `npm ci` ended with {ended.returncode}:\n{words[-2000:]}")
    sys.stderr.write(f"installed them in {time.monotonic() - started:.0f} s\n")


def _sources() -> list[Path]:
    return [path for name in SOURCES for path in (HERE / name).rglob("*") if path.is_file()]


def _bundle(packages: Path, out: Path) -> None:
    """Two programs: the page, with every package in it, and the server, which finds its packages above itself."""
    _esbuild(packages, HERE / "page" / "main.tsx", f"--outfile={out / 'page.js'}", *_PAGE)
    _esbuild(packages, HERE / "server" / "look.ts", f"--outfile={out / 'look.mjs'}", *_SERVER)


_PAGE = (
    "--format=iife",
    "--platform=browser",
    "--jsx=automatic",
    "--minify-syntax",
    "--minify-whitespace",
    "--define:process.env.NODE_ENV='production'",
    "--define:global=window",
    f"--alias:react-custom-scrollbars-2={HERE / 'page' / 'scrollbars.cjs'}",
    "--alias:real-scrollbars=./node_modules/react-custom-scrollbars-2/lib/index.js",
    "--loader:.svg=dataurl",
    "--loader:.png=dataurl",
    "--loader:.ttf=dataurl",
)
_SERVER = ("--format=esm", "--platform=node", "--target=node20", "--packages=external")


def _esbuild(packages: Path, entry: Path, *options: str) -> None:
    program = packages / "node_modules" / "esbuild" / "bin" / "esbuild"
    command = ["node", str(program), str(entry), "--bundle", "--log-level=error", *options]
    # The sources are not beside their packages, since nothing is installed into the checkout.
    environment = os.environ | {"NODE_PATH": str(packages / "node_modules")}
    ended = subprocess.run(command, cwd=packages, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise InstallError(f"{entry.name} could not be bundled:\n{ended.stderr[-3000:]}")


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Makes a second run wait for the first one's install; the kernel frees the lock of a killed one."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.stdout.write(f"{renderer()}\n{installed(HERE / 'schema')}\n")
