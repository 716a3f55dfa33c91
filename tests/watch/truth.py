"""
An API server as a model: objects with versions, a history that can be compacted, and what it would answer. Never misbehaves.

Knows nothing of the collector; the tests break its answers on the way.
"""

from dataclasses import dataclass, field

from collector.watch.requests import Request
from tests.watch.steps import an_object, bookmark, event, page, refusal, status

PAGE = 3
EXPIRED = status(410, "Expired", "too old resource version")


@dataclass
class Truth:
    """What is, and what was."""

    version: int = 10
    objects: dict[str, int] = field(default_factory=dict)
    history: list[tuple[int, str, str]] = field(default_factory=list)
    """Version, event type, uid."""
    oldest: int = 0
    """A watch from below this version is expired."""
    created: int = 0
    _snapshots: dict[str, tuple[int, list[tuple[str, int]]]] = field(default_factory=dict)

    def create(self) -> None:
        self.created += 1
        self._write("ADDED", f"u{self.created}")

    def modify(self, uid: str) -> None:
        self._write("MODIFIED", uid)

    def delete(self, uid: str) -> None:
        self._write("DELETED", uid)

    def _write(self, kind: str, uid: str) -> None:
        # Other kinds share the counter: versions have holes.
        self.version += 1 + self.version % 3
        self.history.append((self.version, kind, uid))
        if kind == "DELETED":
            del self.objects[uid]
        else:
            self.objects[uid] = self.version

    def compact(self) -> None:
        """Forget the history, and the snapshots that lists go on with."""
        self.oldest = self.version
        self._snapshots.clear()

    def restore(self, version: int) -> None:
        """Go back to how it was at an earlier version, as after a restored backup."""
        self.history = [entry for entry in self.history if entry[0] <= version]
        self.objects = {}
        for at, kind, uid in self.history:
            if kind == "DELETED":
                self.objects.pop(uid, None)
            else:
                self.objects[uid] = at
        self.version = version
        self.oldest = min(self.oldest, version)
        self._snapshots.clear()

    def answer(self, request: Request) -> tuple[int, bytes]:
        """A page, or the head of the list that a fence is."""
        token = request.params.get("continue", "")
        if request.verb == "fence":
            return 200, page(version=self.version)
        if token and token not in self._snapshots:
            return 410, refusal(410, "Expired")
        version, items = self._snapshots.pop(token) if token else (self.version, list(self.objects.items()))
        more = items[PAGE:]
        token = f"{version}-{len(more)}-{len(self.history)}" if more else ""
        if more:
            self._snapshots[token] = (version, more)
        return 200, page(*(an_object(*item) for item in items[:PAGE]), version=version, token=token)

    def lines(self, after: int) -> list[bytes]:
        """What a watch from this version is sent so far."""
        if after < self.oldest:
            return [event("ERROR", EXPIRED)]
        return [event(kind, an_object(uid, at)) for at, kind, uid in self.history if at > after]

    def bookmark(self) -> bytes:
        return bookmark(self.version)
