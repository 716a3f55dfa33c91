"""
The locks of one cluster: their holders, and the texts of Argo's messages and status entries.

Only the holders are state. After a restart the holders are read from the workflows' status, as Argo's controller does.
"""

from collections import Counter
from collections.abc import Iterable

from collector.demo.objects import Obj
from collector.demo.recipes import Lock

ENTRY = {"mutex": "holder", "semaphore": "holders"}
"""Kind of lock to the field of status.synchronization that names its holders."""


class Locks:
    """The holders of each lock, in the order in which they took it."""

    def __init__(self) -> None:
        self._holders: dict[str, list[str]] = {}
        self._freed: Counter[str] = Counter()

    def restore(self, workflows: Iterable[Obj]) -> None:
        """Restores the holders from the status of workflows."""
        for workflow in workflows:
            for kind, sides in workflow.get("status", {}).get("synchronization", {}).items():
                for entry in sides.get("holding", ()):
                    holders = entry[ENTRY[kind]]
                    self._holders.setdefault(entry[kind], []).extend([holders] if kind == "mutex" else holders)

    def holders(self, name: str) -> list[str]:
        """The present holders of a lock."""
        return list(self._holders.get(name, ()))

    def take(self, name: str, limit: int, who: str) -> bool:
        """Takes a lock for `who` if a hold is free; whether `who` holds it now."""
        holders = self._holders.setdefault(name, [])
        if who not in holders and len(holders) < limit:
            holders.append(who)
        return who in holders

    def free(self, name: str, who: str) -> None:
        """Releases the hold of `who`."""
        self._holders[name].remove(who)
        self._freed[name] += 1

    def take_freed(self) -> Counter[str]:
        """Takes the number of releases of each lock since the last call."""
        freed, self._freed = self._freed, Counter()
        return freed


def lock_name(namespace: str, lock: Lock) -> str:
    """The name of a lock in Argo's messages."""
    return f"{namespace}/Mutex/{lock[0]}" if lock[1] == 1 else f"{namespace}/ConfigMap/locks/{lock[0]}"


def lock_kind(lock: Lock) -> str:
    """The field of status.synchronization for a lock."""
    return "mutex" if lock[1] == 1 else "semaphore"


def wait_message(name: str, lock: Lock, taken: int) -> str:
    """Argo's message to a workflow that waits: free holds and limit."""
    return f"Waiting for {name} lock. Lock status: {max(0, lock[1] - taken)}/{lock[1]}"


def lock_entry(lock: Lock, name: str, holders: list[str]) -> Obj:
    """An entry of status.synchronization; under `waiting`, too, the entry names the holders."""
    if lock[1] == 1:
        return {"mutex": name, "holder": holders[0] if holders else ""}
    return {"semaphore": name, "holders": holders}
