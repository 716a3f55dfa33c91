"""Scopes of visitors."""

import pytest

from collector.access.scope import ALL, METRICS, of_departments


def test_a_scope_permits_its_departments_alone() -> None:
    """What has no department is for those who may read everything."""
    two = of_departments(["b", "a", "b"])

    assert two.departments == ("a", "b")
    assert [two.permits(name) for name in ("a", "b", "c", "")] == [True, True, False, False]
    assert (ALL.permits("a"), ALL.permits("")) == (True, True)
    assert (METRICS.permits("a"), METRICS.permits("")) == (False, False)


def test_a_scope_in_words() -> None:
    """As the audit log has it."""
    assert [str(scope) for scope in (ALL, METRICS, of_departments(["b", "a"]))] == ["all", "metrics", "department a, b"]


@pytest.mark.parametrize("names", [[], [""], ["a", ""]])
def test_a_department_has_a_name(names: list[str]) -> None:
    """Else an empty scope would read what has no owner."""
    with pytest.raises(ValueError, match="department"):
        of_departments(names)
