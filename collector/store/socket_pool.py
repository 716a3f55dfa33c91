"""
HTTP over a Unix socket: how this user's programs reach the embedded store as its writer.

A port of this machine may be another user's while the store is down, and who listens there gets what is sent. A socket in a
folder of this user alone is this user's for sure: nothing secret is sent, and nothing has to be.
"""

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import NewConnectionError

HOST = "embedded.store"
"""Stands for the socket in addresses and messages."""

_LONGEST_PATH = 100
"""Bytes of a path that every kernel takes for a socket."""


def socket_pools(path: Path) -> urllib3.PoolManager:
    """A pool manager whose connections go to a socket, whatever their address is."""

    class SocketConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            # urllib3's numbers; its own default object stands for none
            timeout = self.timeout if isinstance(self.timeout, int | float) else None
            try:
                return open_socket(path, timeout)
            except OSError as error:
                raise NewConnectionError(self, str(error)) from error

    class SocketHTTPConnectionPool(HTTPConnectionPool):
        ConnectionCls = SocketConnection

    pools = urllib3.PoolManager(maxsize=4)
    pools.pool_classes_by_scheme = {"http": SocketHTTPConnectionPool}
    return pools


def open_socket(path: Path, timeout_s: float | None) -> socket.socket:
    """Connects to the socket of a folder that is this user's alone; OSError names the reason why it cannot."""
    folder = -1
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    if folder == -1:
        raise OSError(errno.ENOENT, f"nothing serves {path}")
    try:
        status = os.fstat(folder)
        is_ours = os.geteuid() == 0 or status.st_uid in {os.geteuid(), 0}
        if not is_ours or stat.S_IMODE(status.st_mode) & 0o022:
            raise OSError(errno.EPERM, f"{path.parent} belongs to others, or they may write it")
        opened = socket.socket(socket.AF_UNIX)
        opened.settimeout(timeout_s)
        # A long path goes through its folder, which Linux lets one name by its descriptor.
        is_long = len(os.fsencode(path)) > _LONGEST_PATH
        if code := opened.connect_ex(f"/proc/self/fd/{folder}/{path.name}" if is_long else str(path)):
            opened.close()
            raise OSError(code, f"nothing serves {path}")
        return opened
    finally:
        os.close(folder)
