"""
Whether dashboards are what a Grafana version reads: their JSON as TypeScript, checked against the types of @grafana/schema.

Each dashboard becomes constants of the version's own types; the compiler's complaints are the differences. Enums are read as
the texts that JSON has, and every property is optional, as it is for Grafana, which fills in what is missing.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dashboards.look.packages import HERE, installed

Json = dict[str, Any]

VERSIONS = ("grafana-11", "grafana-12", "grafana-13")
"""Names in schema/package.json: the oldest, a middle and the newest version that we support."""

COMPILER = {
    "noEmit": True,
    "strict": True,
    "skipLibCheck": True,
    "target": "es2022",
    "module": "es2022",
    "moduleResolution": "bundler",
    "types": [],
}
NOT_IN_SCHEMA = {"annotations": ("target", "titleFormat", "textFormat"), "templating": ("definition",)}
"""What Grafana saves in the items of these lists, and its schema lacks or has as a to-do."""

RELAXED = """
type Read<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Read<U>[] : T extends object ? { [K in keyof T]?: Read<T[K]> } : T;
"""


@dataclass(frozen=True, slots=True)
class Constant:
    """A part of a dashboard, and the type that it must have."""

    name: str
    """What a complaint names."""
    type: str
    value: Any


def complaints(version: str, dashboards: dict[str, Json], folder: Path) -> list[str]:
    """One line for each difference between the dashboards and a version's types; `folder` is for the source."""
    packages = installed(HERE / "schema") / "node_modules"
    parts = [part for name, made in dashboards.items() for part in _constants(name, made)]
    kinds = sorted({part.type.partition(".")[0] for part in parts} - {"Omit<Dashboards", "Dashboards"})
    imports = {"Dashboards": _types(packages / version, "dashboard")}
    imports |= {kind: _types(packages / version, f"composable/{kind.lower()}/panelcfg") for kind in kinds}
    head = [f"import type * as {name} from {json.dumps(path)};" for name, path in imports.items()]
    head += RELAXED.strip().splitlines()
    body = [f"export const part{i}: Read<{part.type}> = {json.dumps(part.value)};" for i, part in enumerate(parts)]
    (folder / f"{version}.ts").write_text("\n".join(head + body), encoding="utf-8")
    # The types import their package by its own name, not by that of schema/package.json; else they would allow anything.
    options = COMPILER | {"paths": {"@grafana/schema": [str(packages / version)]}}
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": [f"{version}.ts"]}))
    command = ["node", str(packages / "typescript" / "bin" / "tsc"), "--project", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return [_line(line, parts, len(head)) for line in ended.stdout.splitlines() if re.search(r"error TS\d+", line)]


def _line(line: str, parts: list[Constant], offset: int) -> str:
    """A complaint with the panel's name in the place of a line's number."""
    found = re.match(r".*\.ts\((\d+),\d+\): error (TS\d+: .*)", line)
    at = int(found[1]) - 1 - offset if found else -1
    return f"{parts[at].name}: {found[2][:400]}" if found and 0 <= at < len(parts) else line


def _types(package: Path, kind: str) -> str:
    """The module of a kind's types, without its ending; each version has them in another folder."""
    found = sorted(package.glob(f"dist/*/raw/{kind}/x/*types.gen.d.ts"))
    if not found:
        raise LookupError(f"{package.name} has no types of {kind}: no panel of this kind can be checked")
    return str(found[0]).removesuffix(".d.ts")


def _constants(name: str, made: Json) -> Iterator[Constant]:
    whole = {key: value for key, value in made.items() if key != "panels"}
    for part, lacking in NOT_IN_SCHEMA.items():
        items = [{key: value for key, value in each.items() if key not in lacking} for each in whole[part]["list"]]
        whole[part] = {"list": items}
    yield Constant(name, "Dashboards.Dashboard", whole)
    for panel in made["panels"]:
        for each in (panel, *panel.get("panels", ())):
            yield from _panel(f"{name}, {each['title']}", each)


def _panel(name: str, panel: Json) -> Iterator[Constant]:
    if panel["type"] == "row":
        yield Constant(name, "Dashboards.RowPanel", {**panel, "panels": []})
        return
    kind = "".join(part.capitalize() for part in panel["type"].split("-"))
    base = {key: value for key, value in panel.items() if key not in {"options", "fieldConfig"}}
    yield Constant(name, "Omit<Dashboards.Panel, 'options' | 'fieldConfig'>", base)
    yield Constant(f"{name}: options", f"{kind}.Options", panel["options"])
    if "fieldConfig" not in panel:
        return
    fields = panel["fieldConfig"]
    plain = {key: value for key, value in fields["defaults"].items() if key != "custom"}
    yield Constant(f"{name}: fieldConfig", "Dashboards.FieldConfigSource", {**fields, "defaults": plain})
    if custom := fields["defaults"].get("custom"):
        yield Constant(f"{name}: custom", f"{kind}.FieldConfig", custom)
