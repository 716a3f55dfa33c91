"""
Who may read: tokens, and a proxy that signs people in.
"""

import ipaddress

import msgspec


class ProxySettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A proxy before the pages that signs people in, with OpenID Connect for example, and names them in headers."""

    addresses: tuple[str, ...] = ()
    """Addresses or networks of the proxy, like 10.0.3.0/24. Headers from elsewhere are ignored. Empty: there is no proxy."""
    user_header: str = "X-Forwarded-User"
    """Header with the person's name."""
    groups_header: str = "X-Forwarded-Groups"
    """Header with the person's groups, separated by commas."""
    groups: dict[str, tuple[str, ...]] = {}
    """Departments that members of a group may read, like `{finance: ["*"], autonomy-leads: [autonomy]}`; `*`: everything.
    A person in none of them is refused."""


class StoreUserSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A user of your own ClickHouse as whom the collector looks whether it reads what it must not."""

    username: str
    """User of `store.url`."""
    password_file: str = ""
    """File with the password."""
    departments: tuple[str, ...] = ()
    """Departments whose rows it may read. Empty: it may read no row, as a user that no policy names."""


class AccessSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who may read pages, API, metrics and the embedded store. Without tokens and proxy, a door on loopback is open."""

    token_files: tuple[str, ...] = ()
    """Files of tokens that `lynceus token create` writes. They are read again when they change; a missing file has none."""
    proxy: ProxySettings = ProxySettings()
    audit_log: bool = False
    """Whether each entry of the audit log is a line of the collector's log too, for those who collect logs elsewhere."""
    store_users: tuple[StoreUserSettings, ...] = ()
    """Restricted users of `store.url`. The collector does not start if one of them reads what it must not, and looks again each
    hour."""

    @property
    def is_set(self) -> bool:
        """Whether visitors must say who they are."""
        return bool(self.token_files or self.proxy.addresses)


def problem(access: AccessSettings) -> str:
    """The problem with these settings, or an empty text."""
    if any(not user.username or "" in user.departments for user in access.store_users):
        return "store_users: each needs a username, and departments have names"
    proxy = access.proxy
    for i, address in enumerate(proxy.addresses):
        try:
            ipaddress.ip_network(address)
        except ValueError:
            return f"proxy.addresses[{i}]: {address!r} is not an address or a network, like 10.0.3.0/24"
    if proxy.addresses and not proxy.groups:
        return "proxy.groups: is empty, so everybody would be refused; name a group and its departments"
    if proxy.groups and not proxy.addresses:
        return "proxy.addresses: is empty, so headers are ignored; name the addresses of the proxy"
    for group, departments in proxy.groups.items():
        if not departments or "" in departments:
            return f"proxy.groups.{group}: name departments, or `*` for everything"
    return ""
