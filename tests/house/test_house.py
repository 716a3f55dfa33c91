"""
The house stays readable: words, sizes, names, rooms and imports, over the whole tree.

`python -m tests.house.words PATH` and `python -m tests.house.measure PATH` list what a failure here names.
"""

from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house import imports, measure, words

FORMATTER_SKIPS = 330
"""How often the formatter may be switched off in all: for tables, whose columns say more than their lines."""
OWN_ROOMS = {
    "alerts/cases": "incidents and what looks like them, by topic",
    "alerts/incidents": "whole incidents before our rules and public ones",
    "bad": "what malformed input does to the whole collector",
    "bench": "ratios to other clients, and figures of the documentation",
    "deploy/lint": "manifests before the checkers",
    "dashboards/look": "dashboards drawn by Grafana's own packages, and seen",
    "core/golden": "recorded workflows, counted by hand",
    "cluster": "against a real control plane",
    "fuzz": "requests made from the API's description",
    "house": "the rules of the tree itself",
    "live": "kill rounds and real Prometheus",
    "promtool": "Prometheus' own checks of rules and queries",
    "recorded": "recordings of real control planes",
    "start": "a newcomer's first ten minutes",
    "store_cluster": "two ClickHouse servers as two shards",
    "web/axe": "pages before the rules of axe-core",
}
"""Folders of tests that mirror none of the product, and what each is for."""


def test_no_retired_word_is_written() -> None:
    """A word that a reader must translate first has a plain one."""
    assert words.report([]) == []


def test_nothing_is_too_long() -> None:
    """Files, functions and lists of values by position stay short."""
    assert measure.report([]) == []


def test_an_exception_has_its_call() -> None:
    """A call that may bind many values by their order is still made, and says why it may."""
    calls = {(file, name) for file, name in measure.BY_ORDER if f"{name}(" in (words.ROOT / file).read_text("utf-8")}

    assert calls == set(measure.BY_ORDER)
    assert all(measure.BY_ORDER.values())


def test_the_formatter_is_seldom_switched_off() -> None:
    """Each such place is one that every editor must format by hand."""
    assert measure.formatter_skips([]) <= FORMATTER_SKIPS


def test_a_class_name_means_one_thing() -> None:
    """A reader who meets a class anywhere knows which one it is."""
    defined = imports.classes()

    assert {name: modules for name, modules in defined.items() if len(modules) > 1} == {}


def test_each_migration_has_its_own_number() -> None:
    """No store could be migrated; two that were written at the same time take the same next number."""
    files = sorted(file.name for file in (words.ROOT / "collector" / "migrations").glob("*.sql"))

    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1)), files


def test_no_import_goes_round_in_a_circle() -> None:
    """Neither modules nor rooms import one another, so that each can be read before what uses it."""
    modules = imports.imports()

    for graph in (modules, imports.rooms(modules)):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as circle:
            pytest.fail(" → ".join(circle.args[1]))


def test_tests_mirror_the_tree() -> None:
    """Tests of a room stand in the folder of its name; folders of their own say what they are for."""
    tests, trees = words.ROOT / "tests", (words.ROOT / "collector", words.ROOT)
    folders = {str(path.parent.relative_to(tests)) for path in measure.python_files(["tests"])} - {"."}
    mirrored = {name for name in folders if any((tree / name).is_dir() for tree in trees)}

    assert {name for name in folders - mirrored if not name.startswith(tuple(OWN_ROOMS))} == set()
    assert all((tests / name).is_dir() for name in OWN_ROOMS)
