"""What the documentation names exists, and what exists is documented."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from alerts.files import files as alert_files
from alerts.thresholds import load as load_thresholds
from collector.catalog.metrics import METRICS, Metric
from collector.catalog.retention import RETENTION
from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS
from collector.catalog.tables import TABLES
from collector.cli.main import app
from collector.settings.load import parse_settings
from collector.settings.model import Settings
from collector.store.servers.users import EVERYTHING, PREFIX, READER
from collector.web.readiness import STORE_REMEDIES
from generate.__main__ import FOLDERS, main
from generate.folder import out_of_date, write
from generate.settings_page import keys as documented_keys

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = FOLDERS["reference"].files()

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def keys(struct: type[Any]) -> Iterator[str]:
    """Every key of the settings, innermost names."""
    for field in msgspec.structs.fields(struct):
        yield field.encode_name
        for inner in (field.type, *getattr(field.type, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from keys(inner)


@pytest.mark.parametrize("name", FOLDERS)
def test_generated_folders_are_fresh(name: str) -> None:
    """What is checked in is what the code makes; no more, no less."""
    assert FOLDERS[name].out_of_date() == [], "run: make generate"


def test_generating_twice_gives_the_same_pages() -> None:
    """A difference in review means that the code changed."""
    assert FOLDERS["reference"].files() == REFERENCE


def test_check_names_the_files_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m generate --check` writes nothing, and says which files differ and what to run."""
    monkeypatch.setattr("generate.__main__.ROOT", tmp_path)

    assert main(["alerts", "--check"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("alerts/generated is out of date: ")
    assert "controller.rules.yaml" in shown
    assert "run python -m generate" in shown
    assert not list(tmp_path.iterdir())
    assert main(["alerts"]) == 0
    assert main(["alerts", "--check"]) == 0


def test_an_unknown_folder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing mistake must not look like a fresh folder."""
    with pytest.raises(SystemExit, match="2"):
        main(["dashbords"])

    assert (
        "expected one of dashboards, alerts, twins, role, controller, chart, values, english, chinese, reference"
        in capsys.readouterr().err
    )


def test_a_file_that_is_no_longer_generated_is_removed(tmp_path: Path) -> None:
    """A page about something that is gone misleads its reader."""
    (tmp_path / "gone.md").write_text("# Gone")

    assert "gone.md" in out_of_date(tmp_path, REFERENCE)
    write(tmp_path, REFERENCE)
    assert out_of_date(tmp_path, REFERENCE) == []


def test_a_shared_folder_keeps_its_other_files(tmp_path: Path) -> None:
    """deploy/kustomize holds one generated file among others."""
    (tmp_path / "settings.yaml").write_text("by hand")
    write(tmp_path, {"rbac.yaml": "generated"}, shared=True)

    assert (tmp_path / "settings.yaml").read_text() == "by hand"
    assert out_of_date(tmp_path, {"rbac.yaml": "generated"}, shared=True) == []
    assert out_of_date(tmp_path, {"rbac.yaml": "newer"}, shared=True) == ["rbac.yaml"]


def test_the_role_grants_reading_alone_and_no_secret() -> None:
    """Least rights: no verb that changes anything, nothing that holds a credential, by name where there is a name."""
    texts = [FOLDERS[name].files()["rbac.yaml"] for name in ("role", "controller")]
    documents = [document for text in texts for document in yaml.safe_load_all(text)]
    rules = [rule for document in documents for rule in document.get("rules", ())]

    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert not {"secrets", "pods/log", "pods/exec", "pods/proxy", "*"} & {
        name for rule in rules for name in rule["resources"]
    }
    assert [rule for rule in rules if rule["resources"] == ["configmaps"] and not rule.get("resourceNames")] == []


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_documented(metric: Metric) -> None:
    """A metric's row shows its name, labels and help as the catalogue has them."""
    labels = ", ".join(f"`{label}`" for label in metric.labels)

    assert f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |" in REFERENCE["metrics.md"]


@pytest.mark.parametrize("key", sorted(set(keys(Settings))))
def test_every_setting_is_documented(key: str) -> None:
    """A key of the settings has a row, or the keys inside it have."""
    assert re.search(rf"^\| `[\w.\[\]]*\b{key}[.`\[]", REFERENCE["settings.md"], re.MULTILINE)


@pytest.mark.parametrize("key", list(documented_keys(Settings)), ids=lambda key: key.path)
def test_every_setting_has_a_meaning(key: Any) -> None:
    """The text under the field in collector/settings is the meaning in the reference."""
    assert key.meaning, "write the meaning as a string under the field"


@pytest.mark.parametrize("table", [*TABLES, *ROLLUPS, *HOUSEKEEPING], ids=lambda table: table.name)
def test_every_table_is_documented(table: Any) -> None:
    """A table that users may read has a section with all of its columns."""
    section = REFERENCE["tables.md"].split(f"\n## {table.name}\n")[1].split("\n## ")[0]

    assert [column.name for column in table.columns if f"| `{column.name}` |" not in section] == []


@pytest.mark.parametrize("table", RETENTION)
def test_the_reference_names_the_retention_of_a_table(table: str) -> None:
    """The default, beside the table's name."""
    days = RETENTION[table].days

    assert f"| `{table}` | {f'{days}d' if days else 'forever'} |" in REFERENCE["settings.md"]


def test_every_field_of_the_api_has_a_meaning() -> None:
    """The text under the field in collector/web is its description in the OpenAPI document."""
    rows = [
        line for line in REFERENCE["api.md"].splitlines() if line.startswith("| `") and not line.startswith("| `GET")
    ]

    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_command_is_documented() -> None:
    """A command has a section, and so has each command of a group."""
    names = {
        f"lynceus {command.name or command.callback.__name__}"
        for command in app.registered_commands
        if command.callback
    }
    names |= {
        f"lynceus {group.name} {command.name or command.callback.__name__}"
        for group in app.registered_groups
        if group.typer_instance
        for command in group.typer_instance.registered_commands
        if command.callback
    }

    assert [name for name in names if f"\n## {name.replace('_', '-')}\n" not in REFERENCE["cli.md"]] == []


def test_every_alert_is_documented() -> None:
    """An alert has a row that leads to its runbook."""
    names = set(re.findall(r"^  - alert: (\w+)", "".join(alert_files().values()), re.MULTILINE))

    assert names
    assert [name for name in names if f"[{name}](../../alerts/runbooks/{name}.md)" not in REFERENCE["alerts.md"]] == []
    numbers = load_thresholds().alerts
    assert all(f"`{alert}.{name}`" in REFERENCE["alerts.md"] for alert in numbers for name in numbers[alert])


def test_the_example_settings_are_valid_and_whole() -> None:
    """The example parses and shows every key there is."""
    text = (ROOT / "deploy" / "examples" / "lynceus.yaml").read_bytes()
    parse_settings(text, "example")
    rules = {"workflow_annotation", "template", "service_account", "workflow_label", "namespace_label", "namespace"}

    assert [key for key in set(keys(Settings)) - rules if not re.search(rf"\b{key}:", text.decode())] == []


@every_page
def test_settings_in_pages_are_valid(page: Path) -> None:
    """What a reader copies is accepted."""
    text = page.read_text(encoding="utf-8")

    for block in re.findall(r"```yaml\n(.*?)```|<<END\n(.*?)END", text, re.DOTALL):
        parse_settings("".join(block).encode(), page.name)


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file of the repository."""
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")) if "://" not in link]

    assert [link for link in links if not (page.parent / link).exists()] == []


@every_page
def test_pages_name_only_metrics_that_exist(page: Path) -> None:
    """A metric that was renamed must not live on in a sentence. Users of the store have such names too."""
    names = {READER, EVERYTHING, PREFIX, *(metric.name for metric in METRICS)}
    named = set(re.findall(r"`(lynceus_\w+)", page.read_text(encoding="utf-8")))

    assert {name for name in named if not any(name.startswith(known) for known in names)} == set()


@every_page
def test_pages_name_only_commands_that_exist(page: Path) -> None:
    """A command or option that was renamed must not be recommended."""
    text = page.read_text(encoding="utf-8")
    commands = {f"lynceus {name}" for name in re.findall(r"^## lynceus (\w+)", REFERENCE["cli.md"], re.MULTILINE)}
    targets = {f"make {name}" for name in re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
    options = {"--help", *re.findall(r"`(--[\w-]+)`", REFERENCE["cli.md"])}
    named = [
        line
        for code in re.findall(r"```\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
        for line in "".join(code).splitlines()
    ]
    used = [word for line in named for word in re.findall(r"^(?:lynceus|make) [a-z-]+", line)]
    given = [option for line in named if line.startswith("lynceus ") for option in re.findall(r"(?<=\s)--[\w-]+", line)]

    assert set(used) - commands - targets == set()
    assert set(given) - options == set()


def test_every_target_of_make_is_documented() -> None:
    """A developer finds each set of tests and each generator in one place, and CI runs only targets that exist."""
    targets = set(re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / "docs" / "develop" / "testing.md").read_text(encoding="utf-8")
    run = set(re.findall(r"^make ([\w-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))

    assert {name for name in targets - {"demo", "system"} if f"`make {name}`" not in text} == set()
    assert run <= targets


def test_every_cause_of_not_ready_is_explained() -> None:
    """An operator finds what /readyz names on one page."""
    text = (ROOT / "docs" / "operate" / "troubleshooting.md").read_text(encoding="utf-8")
    source = (ROOT / "collector" / "web" / "readiness.py").read_text(encoding="utf-8")
    causes = {*STORE_REMEDIES, *re.findall(r'cause="(\w+)"', source)}

    assert {cause for cause in causes if f"| `{cause}` |" not in text} == set()


@every_page
def test_pages_name_only_files_that_exist(page: Path) -> None:
    """A file that moved must not be looked for in its old place."""
    rooms = (
        "alerts",
        "collector",
        "core",
        "catalog",
        "dashboards",
        "deploy",
        "docs",
        "generate",
        "tests",
        "watch",
        "store",
    )
    paths = re.findall(rf"`((?:{'|'.join(rooms)})/[\w./-]*)`", page.read_text(encoding="utf-8"))
    known = (ROOT, ROOT / "collector")

    assert [path for path in paths if not any((folder / path).exists() for folder in known)] == []


def test_every_room_is_in_the_map() -> None:
    """A stranger finds each package in docs/develop/architecture.md, with a line on its purpose."""
    text = (ROOT / "docs" / "develop" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.relative_to(ROOT) for path in (ROOT / "collector").rglob("__init__.py")]
    names = [str(room).removeprefix("collector/core/") for room in rooms if str(room) != "collector"]

    assert [name for name in names if f"`{name}/`" not in text and f"`core/{name}/`" not in text] == []


def test_the_readme_stays_short() -> None:
    """A stranger reads a page; the rest is in docs/."""
    text = (ROOT / "README.md").read_bytes()

    assert len(text) <= 6 * 1024
    assert text.count(b"\n") <= 120
