"""
Commands as a user types them: each runs in a process of its own, forked from one that has loaded the command line.

Loading all commands takes 2 s of CPU; the tests run some forty. tests/cli/test_demo.py starts whole processes as well.
"""

import os
import sys
import tempfile
import traceback
from functools import cache
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen

import msgspec

ROOT = Path(__file__).parent.parent


class Outcome(msgspec.Struct):
    """The end of one command, as the parent of its process reports it."""

    returncode: int
    stdout: str
    stderr: str


def run_command(*arguments: str) -> CompletedProcess[str]:
    """Runs a command to its end, from the root of the checkout."""
    process = _loaded()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(arguments) + b"\n")
    process.stdin.flush()
    outcome = msgspec.json.decode(process.stdout.readline(), type=Outcome)
    return CompletedProcess(arguments, outcome.returncode, outcome.stdout, outcome.stderr)


@cache
def _loaded() -> "Popen[bytes]":
    """The process that forks; it ends when its standard input closes, with this one."""
    return Popen([sys.executable, "-m", "tests.commands"], stdin=PIPE, stdout=PIPE, cwd=ROOT)


def _fork(arguments: list[str]) -> Outcome:
    """Runs a command in a child process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _become(arguments)
        _, status = os.waitpid(child, 0)
        texts = [os.pread(file.fileno(), 1 << 24, 0).decode() for file in (out, err)]
        return Outcome(os.waitstatus_to_exitcode(status), *texts)


def _become(arguments: list[str]) -> None:
    """Runs the console script in this process and ends it as the interpreter would."""
    from collector.cli.main import main  # noqa: PLC0415 - loaded by the parent, which is not the process of the tests

    code: object = 0
    sys.argv = ["lynceus", *arguments]
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    import typer.main

    from collector.cli.main import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group
    loaded = [*commands.values(), *commands["report"].commands.values()]  # the load that the children share
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(msgspec.json.encode(_fork(msgspec.json.decode(line, type=list[str]))) + b"\n")
        sys.stdout.buffer.flush()
