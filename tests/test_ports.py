"""No two tests get the same port, and no client does."""

import subprocess
import sys

from tests import ports
from tests.processes import ROOT

ASK = "import sys; from tests import ports; ports.os.getpid = lambda: int(sys.argv[1]); print(*ports.free_ports(2)); input()"


def test_processes_get_different_ports() -> None:
    """Also where each begins at the same place; ports that follow one another are not cut into by others."""
    command = [sys.executable, "-c", ASK, str(4711)]
    pipe = subprocess.PIPE
    others = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) for _ in range(3)]
    try:
        pairs = [tuple(map(int, other.stdout.readline().split())) for other in others if other.stdout]
    finally:
        for other in others:
            other.communicate("\n")

    assert len({port for pair in pairs for port in pair}) == 6
    assert all(second == first + 1 for first, second in pairs)


def test_clients_get_none_of_them() -> None:
    """They are not of the range that the kernel gives to clients."""
    low, high = map(int, ports.CLIENTS.read_text(encoding="ascii").split())

    assert not low <= ports.free_port() <= high
    assert len({ports.free_port() for _ in range(50)}) == 50
