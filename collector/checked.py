"""One line of a check that a user asked for."""

import msgspec


class Check(msgspec.Struct, frozen=True):
    """One line of the report."""

    ok: bool
    subject: str
    detail: str
    remedy: str = ""
    """Empty if no action is needed."""
    needed: bool = True
    """False: Lynceus runs without it, and `detail` names what it then cannot know."""
