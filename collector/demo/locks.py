"""
The locks of one cluster: who holds which, and the words of Argo's messages and status entries.

Nothing is kept but the holders. After a restart they are read from the workflows' own status, as Argo's controller does.
"""

from collections import Counter
from collections.abc import Iterable

from collector.demo.objects import Obj
from collector.demo.recipes import Lock

ENTRY = {"mutex": "holder", "semaphore": "holders"}
"""By kind, where an entry of status.synchronization names who holds the lock."""


class Locks:
    """Who holds which lock, in the order of taking."""

    def __init__(self) -> None:
        self._holders: dict[str, list[str]] = {}
        self._freed: Counter[str] = Counter()

    def remember(self, workflows: Iterable[Obj]) -> None:
        """Takes up what the workflows say that they hold."""
        for workflow in workflows:
            for kind, found in workflow.get("status", {}).get("synchronization", {}).items():
                for entry in found.get("holding", ()):
                    held = entry[ENTRY[kind]]
                    self._holders.setdefault(entry[kind], []).extend([held] if kind == "mutex" else held)

    def holders(self, name: str) -> list[str]:
        """Who holds it now."""
        return list(self._holders.get(name, ()))

    def take(self, name: str, limit: int, who: str) -> bool:
        """Whether `who` holds it from now on, or did already."""
        held = self._holders.setdefault(name, [])
        if who not in held and len(held) < limit:
            held.append(who)
        return who in held

    def free(self, name: str, who: str) -> None:
        """`who` lets go."""
        self._holders[name].remove(who)
        self._freed[name] += 1

    def take_freed(self) -> Counter[str]:
        """The locks that were let go since the last call, and how often each."""
        freed, self._freed = self._freed, Counter()
        return freed


def lock_name(namespace: str, lock: Lock) -> str:
    """A lock as Argo's messages name it."""
    return f"{namespace}/Mutex/{lock[0]}" if lock[1] == 1 else f"{namespace}/ConfigMap/locks/{lock[0]}"


def lock_kind(lock: Lock) -> str:
    """Where status.synchronization tells of it."""
    return "mutex" if lock[1] == 1 else "semaphore"


def wait_message(name: str, lock: Lock, held: int) -> str:
    """What Argo tells who waits: how many are to be had, of how many."""
    return f"Waiting for {name} lock. Lock status: {max(0, lock[1] - held)}/{lock[1]}"


def lock_entry(lock: Lock, name: str, holders: list[str]) -> Obj:
    """A line of status.synchronization; under `waiting`, too, it names who holds the lock."""
    if lock[1] == 1:
        return {"mutex": name, "holder": holders[0] if holders else ""}
    return {"semaphore": name, "holders": holders}
