"""
An API server's refusals: a status code and a Status.
"""

from typing import Any


class RefusedError(Exception):
    """A request that is answered with a Status."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": code,
        }


def expired(message: str) -> RefusedError:
    """The refusal of a version, or a page, that is too old."""
    return RefusedError(410, "Expired", message)


def not_found(resource: str, name: str) -> RefusedError:
    """The refusal of a missing object of a resource that is served."""
    group = resource.partition(".")[2]
    details = {"name": name, **({"group": group} if group else {}), "kind": resource.partition(".")[0]}
    return RefusedError(404, "NotFound", f'{resource} "{name}" not found', **details)
