"""What the documentation names exists, and what exists is documented."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.main

from collector.catalog.metrics import METRICS, Metric
from collector.catalog.retention import RETENTION
from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS
from collector.catalog.tables import TABLES
from collector.cli.main import app
from collector.settings.load import parse_settings
from collector.settings.model import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def keys(struct: type[Any]) -> Iterator[str]:
    """Every key of the settings, innermost names."""
    for field in msgspec.structs.fields(struct):
        yield field.encode_name
        for inner in (field.type, *getattr(field.type, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from keys(inner)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_in_the_readme(metric: Metric) -> None:
    """A metric's row shows its name, labels and help as the catalogue has them."""
    assert f"| `{metric.name}` | {', '.join(metric.labels)} | {metric.help} |" in README


@pytest.mark.parametrize("key", sorted(set(keys(Settings))))
def test_every_setting_is_in_the_readme(key: str) -> None:
    """A key of the settings is named in the README's table."""
    table = README[README.index("### Settings") : README.index("## What the words mean")]

    assert re.search(rf"\b{key}\b", table)


@pytest.mark.parametrize("table", [*TABLES, *ROLLUPS, *HOUSEKEEPING], ids=lambda table: table.name)
def test_every_table_is_in_the_readme(table: Any) -> None:
    """A table that users may read is named."""
    assert f"`{table.name}`" in README


@pytest.mark.parametrize("table", RETENTION)
def test_the_readme_says_for_how_long_rows_are_kept(table: str) -> None:
    """The default, beside the table's name."""
    days = RETENTION[table].days
    row = next(line for line in README.splitlines() if line.startswith("| `retention`"))

    assert f"`{table}` {f'{days}d' if days else 'forever'}" in row


def test_every_command_is_in_the_readme() -> None:
    """A command is named where users look for it; `version` explains itself."""
    group = typer.main.get_group(app)

    assert [name for name in group.commands if name != "version" and f"lynceus {name}" not in README] == []


def test_the_example_settings_are_valid_and_whole() -> None:
    """The example parses and shows every key there is."""
    text = (ROOT / "deploy" / "examples" / "lynceus.yaml").read_bytes()
    parse_settings(text, "example")
    rules = {"workflow_annotation", "template", "service_account", "workflow_label", "namespace_label", "namespace"}

    assert [key for key in set(keys(Settings)) - rules if not re.search(rf"\b{key}:", text.decode())] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    """A relative link names a file of the repository."""
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]

    assert [link for link in links if not (ROOT / link).exists()] == []
