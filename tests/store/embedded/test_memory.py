"""The engine's share of the memory that its process may have."""

from pathlib import Path

import pytest

from collector.store.embedded.memory import LEAST, MOST, engine_bytes
from tests.store.running import Running, ask

GIB = 1 << 30


def a_machine(root: Path, group: str, limits: dict[str, str], gib: int = 64) -> Path:
    """A file system with a control group and a machine's memory."""
    files = {"proc/self/cgroup": group, "proc/meminfo": f"MemTotal:       {gib << 20} kB\nMemFree: 1 kB\n", **limits}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")
    return root


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("0::/\n", {"sys/fs/cgroup/memory.max": f"{3 * GIB}\n"}, 3 * GIB // 2),
        ("0::/a/b\n", {"sys/fs/cgroup/a/memory.max": f"{2 * GIB}\n", "sys/fs/cgroup/a/b/memory.max": "max\n"}, GIB),
        ("0::/host/path\n", {"sys/fs/cgroup/memory.max": f"{3 * GIB}\n"}, 3 * GIB // 2),
        ("4:cpu,memory:/x\n0::/\n", {"sys/fs/cgroup/memory/x/memory.limit_in_bytes": f"{4 * GIB}\n"}, 2 * GIB),
        ("4:memory:/\n", {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, MOST),
        ("0::/\n", {"sys/fs/cgroup/memory.max": f"{GIB // 4}\n"}, LEAST),
        ("0::/\n", {}, MOST),
    ],
    ids=["a pod of the deployment", "around", "the host's path", "version 1", "no limit", "tiny", "none"],
)
def test_the_engine_has_half(group: str, limits: dict[str, str], expected: int, tmp_path: Path) -> None:
    """Of the tightest limit around the process; with the collector it stays below the pod's limit."""
    assert engine_bytes(a_machine(tmp_path, group, limits)) == expected


def test_a_small_machine_and_an_unreadable_one(tmp_path: Path) -> None:
    assert engine_bytes(a_machine(tmp_path, "0::/\n", {}, gib=4)) == 2 * GIB
    assert engine_bytes(tmp_path / "nothing") == MOST


def test_a_query_beyond_its_share_is_refused_in_words(running: Running) -> None:
    """By the engine, and the store goes on."""
    refused = ask(running, "SELECT length(groupArray(number)) FROM numbers(1000000000)")

    assert "memory limit exceeded" in refused.text.lower()
    assert ask(running, "SELECT 1").text == "1\n"
