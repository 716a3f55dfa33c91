"""
Ports for the programs that tests start, which no other test, process or connection takes before the program has them.

A port of the kernel's choice does not keep: as soon as the probe closes it, any client may get it. Its neighbour is worse off:
Linux gives odd ports to listeners and even ones to clients, so the port after a listener's is one that clients get.
"""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

FIRST, LAST = 20_000, 32_000
"""Below the ports of clients, which begin at 32768 unless the machine's owner chose otherwise."""
CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")

_reserved: list[ExitStack] = []
"""The reservations of this process; they end with it."""


def free_port() -> int:
    """A port of loopback, for as long as this process lives."""
    return free_ports(1)[0]


def free_ports(number: int) -> list[int]:
    """Ports of loopback that follow one another, for as long as this process lives."""
    last = min(LAST, int(CLIENTS.read_text(encoding="ascii").split()[0]) - 1)
    choices = last - FIRST - number + 1
    for step in range(choices):
        # Each process begins at another place, so that two seldom try the same port.
        first = FIRST + (os.getpid() * 61 + step) % choices
        if _reserve(range(first, first + number)):
            return list(range(first, first + number))
    raise RuntimeError(f"no {number} neighbouring ports are free from {FIRST} to {last}; see {CLIENTS}")


def _reserve(ports: range) -> bool:
    """Whether all of the ports could be reserved; if not, none is."""
    with ExitStack() as held:
        try:
            for port in ports:
                # An abstract name has one owner in a network namespace, as a port has, and ends with the process.
                held.enter_context(socket.socket(socket.AF_UNIX)).bind(f"\0lynceus-test-port-{port}")
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            return False
        _reserved.append(held.pop_all())
        return True
