"""Every runbook: is it complete, are its numbers those of the rules, and can its queries be run?"""

import re
from pathlib import Path

import pytest
import yaml

from alerts import TOPICS, TWINS
from alerts.boxes import Box
from alerts.numbers import Numbers
from alerts.thresholds import load
from tests.promtool.promql import check_against_catalogue, check_against_foreign
from tests.promtool.tool import promtool

RUNBOOKS = Path(__file__).parents[2] / "alerts" / "runbooks"
THRESHOLDS = load().alerts
HEADINGS = (
    "What it means for people",
    "First look",
    "Usual causes",
    "First fix",
    "When to wake whom",
    "When it is silent",
    "Numbers",
)
BLOCK = re.compile(r"^( *)```promql\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"`(\w+)\.(\w+)` is ([^\n]+)")
"""A line of the section `Numbers`; a reason may follow the value."""

every_runbook = pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)


def _alert_names() -> dict[str, str]:
    """The name of each alert by that of its numbers."""
    found = {}
    for topic in (*TOPICS.values(), *TWINS.values()):
        for builder in topic.BUILDERS:
            made = builder(Numbers(THRESHOLDS[builder.__name__], Box()))
            found[builder.__name__] = (made[0] if isinstance(made, tuple) else made).name
    return found


ALERT_NAMES = _alert_names()
TWIN_NAMES = {ALERT_NAMES[builder.__name__] for topic in TWINS.values() for builder in topic.BUILDERS}
WITHOUT_NUMBERS = {name for numbers, name in ALERT_NAMES.items() if not THRESHOLDS[numbers]}


def _queries(path: Path) -> list[str]:
    return [match[2].strip() for match in BLOCK.finditer(path.read_text(encoding="utf-8"))]


@every_runbook
def test_a_runbook_answers_every_question_of_the_person_on_call(path: Path) -> None:
    """In the same order everywhere, since it is read at night."""
    found = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)

    wanted = [heading for heading in HEADINGS if path.stem not in WITHOUT_NUMBERS or heading != "Numbers"]
    assert [heading for heading in found if heading in wanted] == wanted


@pytest.mark.parametrize("numbers", sorted(ALERT_NAMES))
def test_a_runbook_has_the_numbers_of_its_alert_as_they_are(numbers: str) -> None:
    """A number that was tuned in the file only would make the runbook lie."""
    text = (RUNBOOKS / f"{ALERT_NAMES[numbers]}.md").read_text(encoding="utf-8")
    written = {name: value for alert, name, value in LINE.findall(text) if alert == numbers}

    assert written.keys() == THRESHOLDS[numbers].keys()
    for name, number in THRESHOLDS[numbers].items():
        as_words, as_unit = Numbers(THRESHOLDS[numbers], Box()).words(name), f"{number.value:g} {number.unit}"
        assert re.match(rf"({re.escape(as_words)}|{re.escape(as_unit)})(?![\w%])", written[name]), (name, written[name])


@every_runbook
def test_a_runbook_names_only_numbers_that_exist(path: Path) -> None:
    """Advice to tune a number that was renamed helps no person on call."""
    for alert, name in re.findall(r"`([a-z_]+)\.([a-z0-9_]+)`", path.read_text(encoding="utf-8")):
        if alert in THRESHOLDS:
            assert name in THRESHOLDS[alert], f"{alert}.{name}"


@every_runbook
def test_queries_of_a_runbook_name_what_is_exposed(path: Path) -> None:
    """A query that finds nothing looks as if nothing were wrong."""
    for query in _queries(path):
        (check_against_foreign if path.stem in TWIN_NAMES else check_against_catalogue)(query)


def test_queries_of_runbooks_can_be_run(tmp_path: Path) -> None:
    """Prometheus' own parser takes each of them."""
    rules = [
        {"record": f"runbook:{path.stem.lower()}:query{place}", "expr": query}
        for path in sorted(RUNBOOKS.glob("*.md"))
        for place, query in enumerate(_queries(path))
    ]
    file = tmp_path / "queries.rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbooks", "rules": rules}]}), encoding="utf-8")

    assert len(rules) > len(ALERT_NAMES) / 2
    promtool("check", "rules", file)
