"""
The team that an alert goes to: the label `team`, by which Alertmanager routes.
"""

import re

import msgspec

from alerts.boxes import quoted


class NamespacesOfTeam(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team and its namespaces; `*` at the end of a name stands for any rest."""

    team: str
    namespaces: tuple[str, ...]


class Teams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who owns what."""

    default: str
    """The team of everything else, and of alerts without a namespace."""
    owners: tuple[NamespacesOfTeam, ...] = ()


def team_label(teams: Teams, labels: tuple[str, ...]) -> str:
    """The value of the label `team`, as a template of Prometheus where it depends on the namespace."""
    if "namespace" not in labels or not teams.owners:
        return teams.default
    cases = [
        f"{{{{ {'else ' if place else ''}if match {quoted(_pattern(owner.namespaces))} $labels.namespace }}}}{owner.team}"
        for place, owner in enumerate(teams.owners)
    ]
    return f"{''.join(cases)}{{{{ else }}}}{teams.default}{{{{ end }}}}"


def _pattern(namespaces: tuple[str, ...]) -> str:
    """A regular expression that is anchored, since `match` finds parts too."""
    each = (re.escape(name.removesuffix("*")) + (".*" if name.endswith("*") else "") for name in namespaces)
    return f"^(?:{'|'.join(each)})$"
