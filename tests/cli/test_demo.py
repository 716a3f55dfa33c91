"""`lynceus demo` as a newcomer starts it."""

import signal
import socket
import subprocess
import time
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.commands import run_command
from tests.ports import free_port, free_ports
from tests.processes import Command, alive, descendants, of_this_machine, started, until


def a_port() -> int:
    """A port whose successor is reserved too, since the store takes that one."""
    return free_ports(2)[0]


def none_alive(pids: list[int]) -> bool:
    """Whether all have ended."""
    return not any(map(alive, pids))


def readiness(port: int) -> str:
    """What `/readyz` answers; nothing if nothing listens there."""
    command = ["curl", "-s", "-m", "10", f"http://127.0.0.1:{port}/readyz"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def wait_until_ready(port: int, process: Command) -> None:
    """Waits for a page that is ready; else the failure has the problems that the page names."""
    ready = '{"ready":true'
    within_s = min(100.0, of_this_machine(20))  # pytest ends a test after 120 s, without these words
    until(lambda: readiness(port).startswith(ready), within_s, lambda: f"ready, but: {readiness(port)}", process)


def test_the_demo_ends_by_itself_with_a_summary(tmp_path: Path) -> None:
    """`--for` ends a fleet of 20 clusters, all ready before, with exit code 0 and a few lines of what was seen."""
    port, began = a_port(), time.monotonic()
    command = (
        "demo",
        "--port",
        str(port),
        "--data",
        str(tmp_path / "demo"),
        "--no-past",
        "--for",
        "25",
        "--clusters",
        "20",
    )
    with started(*command, log=tmp_path / "log") as process:
        wait_until_ready(port, process)
        code = process.wait(timeout=60)
    output = (tmp_path / "log").read_text(encoding="utf-8")

    assert code == 0
    assert time.monotonic() - began < 25 + of_this_machine(5)
    assert "over 20 clusters" in output
    assert "objects observed" in output
    assert "Traceback" not in output
    assert '"level": "info"' not in output


def test_ctrl_c_ends_everything_within_three_seconds(tmp_path: Path) -> None:
    """Ctrl-C leaves no process behind, and a second start goes on with the same clusters without a refusal."""
    port = a_port()
    command = ("demo", "--port", str(port), "--data", str(tmp_path / "demo"), "--no-past")
    for _ in range(2):
        with started(*command, log=tmp_path / "log") as process:
            wait_until_ready(port, process)
            tree = descendants(process.pid)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            process.wait(timeout=60)
            took = time.monotonic() - began
            until(partial(none_alive, tree), of_this_machine(1), "all children gone")

        assert process.returncode == 0
        assert took < of_this_machine(3)


def test_a_killed_collector_leaves_no_process_behind(tmp_path: Path) -> None:
    """After kill -9 of the collector the store and the fleet end by themselves."""
    port = a_port()
    command = ("demo", "--port", str(port), "--data", str(tmp_path / "demo"), "--no-past")
    with started(*command, log=tmp_path / "log") as process:
        wait_until_ready(port, process)
        tree = descendants(process.pid)
        process.kill()
        process.wait()
        until(partial(none_alive, tree), of_this_machine(5), "store and fleet gone")

    assert len(tree) == 2


@pytest.mark.parametrize("taken", [0, 1])
def test_a_taken_port_is_one_sentence_with_a_remedy(tmp_path: Path, taken: int) -> None:
    """A program that listens on either port ends the demo before it starts anything."""
    port = a_port()
    with socket.create_server(("127.0.0.1", port + taken)):
        done = run_command("demo", "--port", str(port), "--data", str(tmp_path / "demo"))

    assert done.returncode == 1
    assert f"127.0.0.1:{port + taken} is taken" in done.stderr
    assert "--port" in done.stderr
    assert not (tmp_path / "demo").exists()


def test_a_demo_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    """The condition of a command that has ended fails at once, with the command's own words."""
    port = a_port()
    command = ("demo", "--port", str(port), "--data", str(tmp_path / "demo"))
    with (
        socket.create_server(("127.0.0.1", port)),
        started(*command, log=tmp_path / "log") as process,
        pytest.raises(AssertionError, match=f"(?s)exit code 1.*{port} is taken"),
    ):
        wait_until_ready(port, process)


ECI = ("--product", "alibaba-eci", "--spec", "2-4Gi")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("report", "cots"), 2, "No such command 'cots'"),
        (("report", "cost", "--by", "departmnt"), 2, "--by departmnt: no such column"),
        (
            ("report", "cost", "--from", "tomorrow"),
            2,
            "--from: invalid day 'tomorrow', expected YYYY-MM-DD, like 2026-11-01",
        ),
        (("report", "cost", "--from", "2026-11-02", "--to", "2026-11-02"), 2, "--to is exclusive"),
        (("report", "cost", "--url", "http://127.0.0.1:9"), 1, "the store does not answer"),
        (("run", "--config", "/nowhere.yaml"), 2, "/nowhere.yaml: cannot be read"),
        (("prices", "check", "/nowhere.yaml"), 2, "/nowhere.yaml: file: cannot be read"),
        (("prices", "quote", *ECI, "--seconds", "1", "--purchase", "spot"), 2, "no_spot_price"),
        (("store", "--path", "/tmp/x", "--listen", "nowhere"), 2, "--listen: invalid address 'nowhere'"),
        (("migrate",), 2, "store.url: is missing"),
    ],
)
def test_wrong_use_is_one_sentence_with_a_remedy(arguments: tuple[str, ...], code: int, message: str) -> None:
    """Wrong use is one line on standard error, with its exit code and never a stack trace."""
    done = run_command(*arguments)

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_quote_is_exact() -> None:
    """The provider's own example: 2 vCPU and 4 GiB for an hour on ECI."""
    done = run_command("prices", "quote", *ECI, *("--seconds", "3600", "--format", "json"))

    assert done.returncode == 0
    assert '"cost": "0.069264"' in done.stdout


async def test_the_page_needs_no_store(tmp_path: Path) -> None:
    """The pages answer from the first moment, and say in words what is not ready yet."""
    port = a_port()
    settings = tmp_path / "lynceus.yaml"
    (tmp_path / "kube.yaml").write_text("apiVersion: v1\nkind: Config\n", encoding="utf-8")
    settings.write_text(
        f"clusters: [{{name: absent, kubeconfig: {tmp_path}/kube.yaml}}]\ndata_dir: {tmp_path}/data\n"
        f"http: {{listen: '127.0.0.1:{port}'}}\nembedded: {{listen: '127.0.0.1:{free_port()}'}}\n",
        encoding="utf-8",
    )
    with started("run", "--config", str(settings), log=tmp_path / "log"):
        async with aiohttp.ClientSession() as session:
            answer = await _first_answer(session, f"http://127.0.0.1:{port}/readyz")

    assert answer[0] == 503
    assert "absent" in answer[1]


async def _first_answer(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """The first answer that names the cluster's problem."""
    ends = time.monotonic() + 20
    while True:
        try:
            async with session.get(url) as response:
                text = await response.text()
                if "kube.yaml" in text or time.monotonic() > ends:
                    return response.status, text
        except aiohttp.ClientError:
            if time.monotonic() > ends:
                raise
