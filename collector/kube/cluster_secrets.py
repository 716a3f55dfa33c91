"""
Copies the labelled cluster secrets of a namespace into a folder, where discovery.py finds them as mounted ones.

A folder rather than memory: one way of reading credentials serves mounted, copied and handed-over secrets, and a folder in
memory keeps them off the disk. The collection is listed, not watched: it is small, and one list every few seconds sees a new
cluster in time.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from collector.kube.address import Unshown
from collector.kube.connection import Connection
from collector.kube.request import BROKEN, fetch

LOOK_S = 5.0
"""Between two lists."""
KEYS = ("name", "server", "config")
MOST = 500
"""Secrets of one list; a fleet of more clusters is not one collector's."""


class SecretsError(Exception):
    """The secrets cannot be listed, written or copied; the message names namespace and remedy, and no value of a secret."""


class SecretMeta(Unshown):
    name: str
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Secret(Unshown):
    """A Secret as the API gives it: values in base64."""

    metadata: SecretMeta
    data: dict[str, str] | None = None

    def value(self, key: str) -> str:
        """The text of a key; empty: it is absent, or it is not text in base64."""
        try:
            return base64.b64decode((self.data or {}).get(key, ""), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""


class Secrets(Unshown):
    items: list[Secret]


async def list_secrets(connection: Connection, namespace: str, selector: str) -> list[Secret]:
    """The secrets of a namespace with these labels; raises SecretsError if there is no whole answer."""
    where = f"secrets of namespace {namespace}"
    params = {"labelSelector": selector, "limit": str(MOST)}
    try:
        status, _, body = await fetch(connection, "GET", f"/api/v1/namespaces/{namespace}/secrets", params=params)
    except BROKEN as error:
        raise SecretsError(f"{where}: cannot be listed: {error}") from None
    if status != 200:
        remedy = "; grant its ServiceAccount a Role that lists them" if status == 403 else ""
        raise SecretsError(f"{where}: a list is answered with {status}{remedy}")
    try:
        found = msgspec.json.decode(body, type=Secrets).items
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SecretsError(f"{where}: the answer is not a list of secrets; check what answers there") from None
    if len(found) == MOST:
        raise SecretsError(f"{where}: more than {MOST - 1} have the label; narrow the selector")
    return found


async def put_secret(
    connection: Connection,
    namespace: str,
    name: str,
    *,
    texts: Mapping[str, str],
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> None:
    """Creates a secret, or replaces its keys, labels and annotations. Raises SecretsError."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()},
    }
    await _change(
        connection,
        "PATCH",
        f"{namespace}/secrets/{name}",
        params={"fieldManager": "lynceus", "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        body=manifest,
    )


async def delete_secret(connection: Connection, namespace: str, name: str) -> None:
    """Deletes a secret; a missing one is accepted. Raises SecretsError."""
    await _change(connection, "DELETE", f"{namespace}/secrets/{name}")


async def _change(connection: Connection, method: str, place: str, **more: Any) -> None:
    try:
        status, _, _ = await fetch(connection, method, f"/api/v1/namespaces/{place}", **more)
    except BROKEN as error:
        raise SecretsError(f"{place}: {method} failed: {error}") from None
    if status not in (200, 201, 202) and not (method == "DELETE" and status == 404):
        raise SecretsError(f"{place}: {method} is answered with {status}")


def write_secrets(folder: Path, secrets: list[Secret]) -> bool:
    """
    Makes the folder hold exactly these secrets, a JSON file each, mode 0600; returns whether a file changed.

    A file is replaced whole, so that a reader never finds half of one. Blocks.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    changed = False
    wanted = {f"{secret.metadata.name}.json": _document(secret) for secret in secrets}
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != text:
            _replace(path, text)
            changed = True
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
            changed = True
    return changed


def _document(secret: Secret) -> bytes:
    texts: dict[str, Any] = {key: text for key in KEYS if (text := secret.value(key))}
    return msgspec.json.encode(texts | {"labels": secret.metadata.labels or {}})


def _replace(path: Path, text: bytes) -> None:
    # A name that begins with a dot is ignored by readers.
    beside = path.with_name(f".{path.name}")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    beside.replace(path)
