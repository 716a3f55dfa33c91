"""Of `lynceus check`: what the restricted users of the store read, as each of them on each server."""

from collector.checked import Check
from collector.connect import store_as, writing_store
from collector.settings.access import StoreUserSettings
from collector.settings.model import Settings
from collector.store.clickhouse import StoreError
from collector.store.servers.probe import RestrictedUser, blind_spots, leaks
from collector.web.readiness import STORE_REMEDIES


def check_store_users(settings: Settings) -> list[Check]:
    """A line for each user and server; a failure is a row and not an error."""
    return [_check(settings, user, url) for user in settings.access.store_users for url in settings.store.urls]


def _check(settings: Settings, user: StoreUserSettings, url: str) -> Check:
    subject, restricted = f"store user {user.username}", RestrictedUser(user.username, user.departments)
    store, everything = store_as(settings, user, url), writing_store(settings, optional=True)
    try:
        if found := leaks(store, restricted):
            return Check(False, subject, f"reads {', '.join(found)} on {url}", STORE_REMEDIES["store_leak"])
        if unseen := blind_spots(store, everything, restricted):
            remedy = "run what `lynceus generate users` writes; --everything names the user that servers connect as"
            return Check(False, subject, f"reads none of its rows in {', '.join(unseen)} on {url}", remedy)
    except StoreError as error:
        return Check(False, subject, f"{url}: {error}", "see access.store_users, its password_file, and the server")
    finally:
        store.close()
        everything.close()
    return Check(True, subject, f"{url}: reads its own rows and no others")
