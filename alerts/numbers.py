"""
The values of thresholds.yaml, each with its reason. Which values there are is declared beside the alerts that use them.
"""

import msgspec


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number and its reason."""

    value: int
    reason: str


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Target of links, without a slash at the end."""

    value: str
    reason: str


class Links(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses of runbooks and dashboards."""

    runbooks: Address
    grafana: Address
