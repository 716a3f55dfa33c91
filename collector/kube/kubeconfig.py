"""
Reads kubeconfig files into one document with a single context and absolute paths.

Only reads files; credentials.py lets the kubernetes package interpret the entries. The package's own reader is not used,
because its errors quote entries, and entries contain tokens.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from collector.kube.address import AddressError, ClusterAddress

SECTIONS = ("clusters", "contexts", "users")
PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
LARGEST_FILE = 4 * 2**20

Document = dict[str, Any]


def files(kubeconfig: Path | None) -> list[Path]:
    """The files of a kubeconfig; a later file only adds entries that the earlier files do not have."""
    if kubeconfig is not None:
        return [kubeconfig.expanduser()]
    listed = os.environ.get("KUBECONFIG", "")
    named = [Path(part).expanduser() for part in listed.split(os.pathsep) if part]
    return [path for path in named if path.exists()] or named[:1] or [Path("~/.kube/config").expanduser()]


def read(address: ClusterAddress) -> Document:
    """Reads the chosen context with its cluster and user, as a kubeconfig of its own."""
    merged = merge(address)
    name = address.context or merged.get("current-context")
    if not name:
        raise AddressError(address, "no context is chosen and the file has no current-context", "set `context`")
    context = _find(address, merged, "contexts", str(name))["context"]
    cluster = _find(address, merged, "clusters", str(context.get("cluster")))
    user = _find(address, merged, "users", str(context["user"])) if context.get("user") else None
    return {
        "current-context": name,
        "contexts": [{"name": name, "context": context}],
        "clusters": [cluster],
        "users": [user] if user else [],
    }


def merge(address: ClusterAddress) -> Document:
    """Reads all files of the address as one document."""
    merged: Document = {section: [] for section in SECTIONS}
    for path in files(address.kubeconfig):
        document = _parse(address, path)
        merged["current-context"] = merged.get("current-context") or document.get("current-context")
        for section in SECTIONS:
            known = {entry["name"] for entry in merged[section]}
            merged[section] += [e for e in _entries(document.get(section), path.parent) if e["name"] not in known]
    return merged


def _parse(address: ClusterAddress, path: Path) -> Document:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
        document = yaml.safe_load(text) if len(text) <= LARGEST_FILE else None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise AddressError(address, f"cannot read {path}: {why}", "give the path of a readable kubeconfig") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        # Never the error's own text: it quotes lines of the file, and one of these may be a token.
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise AddressError(
            address, f"{path} is not valid YAML{where}", "fix the file; `kubectl config view` shows the error"
        ) from None
    if not isinstance(document, dict):
        raise AddressError(address, f"{path} is not a kubeconfig", "give the path of a kubeconfig")
    return document


def _entries(section: Any, folder: Path) -> Iterable[Document]:
    """The named entries of a section, with file names resolved against the folder of the kubeconfig."""
    for entry in section if isinstance(section, list) else ():
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        copy = dict(entry)
        for kind in ("cluster", "user"):
            if isinstance(copy.get(kind), dict):
                copy[kind] = {k: _absolute(k, v, folder) for k, v in copy[kind].items()}
        yield copy


def _absolute(key: str, value: Any, folder: Path) -> Any:
    if key in PATHS and isinstance(value, str) and value:
        return str(folder.absolute() / value)
    if key == "exec" and isinstance(value, dict) and os.sep in str(value.get("command")):
        return value | {"command": str(folder.absolute() / str(value["command"]))}
    return value


def _find(address: ClusterAddress, merged: Document, section: str, name: str) -> Document:
    kind = section.removesuffix("s")
    for entry in merged[section]:
        if entry["name"] == name:
            inner = entry.get(kind) or {}
            if not isinstance(inner, dict):
                raise AddressError(address, f"the {kind} of {name!r} under {section} is malformed", "correct the entry")
            return {"name": name, kind: inner}
    existing = ", ".join(sorted(entry["name"] for entry in merged[section])[:10]) or "none"
    problem = f"it has no entry {name!r} under {section}"
    raise AddressError(address, problem, f"existing entries: {existing}; correct the name or the file")
