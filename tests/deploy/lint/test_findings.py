"""What the checkers print becomes findings, and the written exceptions permit exactly those that are there."""

import json
from pathlib import Path

import pytest

from tests.deploy.lint import findings
from tests.deploy.lint.findings import ExceptionsError, Finding, Permitted

EXCEPTIONS = Path(__file__).parents[3] / "deploy" / "lint-exceptions.yaml"
LIMIT = Finding("kube-score", "container-resources", "kustomize/Deployment/lynceus", "CPU limit is not set")


def test_a_finding_without_an_exception_is_a_problem() -> None:
    """Another rule, another checker and another place are each something new."""
    elsewhere = [
        Permitted("kube-score", "container-resources", "replicas/*"),
        Permitted("kube-score", "pod-networkpolicy", "*"),
        Permitted("checkov", "container-resources", "*"),
    ]

    assert findings.problems([LIMIT], elsewhere)[0] == f"not permitted: {LIMIT}"


def test_an_exception_about_nothing_is_a_problem() -> None:
    """A finding that was corrected may not return unseen."""
    assert findings.problems([], [Permitted("checkov", "CKV_K8S_11", "*")]) == [
        "no such finding, delete the exception: checkov CKV_K8S_11 *"
    ]


def test_what_is_found_and_permitted_is_no_problem() -> None:
    assert findings.problems([LIMIT, LIMIT], [Permitted("kube-score", "container-resources", "kustomize/*")]) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[{tool: checkov, rule: A, where: ['*']}]", "a reason in words"),
        ("[{tool: checkov, rule: A, where: ['*'], reason: known}]", "a reason in words"),
        ("[{tool: checkov, rule: A, where: ['*', '*'], reason: there is a good one}]", "twice"),
    ],
)
def test_an_exception_needs_its_reason_and_stands_once(text: str, problem: str) -> None:
    with pytest.raises(ExceptionsError, match=problem):
        findings.read_exceptions(text)


def test_the_shipped_exceptions_are_some() -> None:
    assert findings.read_exceptions(EXCEPTIONS.read_text(encoding="utf-8"))


def test_kube_scores_grades_below_the_best_are_findings() -> None:
    """A check that kube-score skips says nothing of the manifest."""
    checks = [
        {"check": {"id": "a"}, "grade": 10, "skipped": False, "comments": None},
        {"check": {"id": "b"}, "grade": 1, "skipped": True, "comments": None},
        {"check": {"id": "container-resources"}, "grade": 5, "skipped": False, "comments": [{"summary": LIMIT.text}]},
    ]
    manifest = {"object_meta": {"name": "lynceus"}, "type_meta": {"kind": "Deployment"}, "checks": checks}

    assert [*findings.of_kube_score(json.dumps([manifest]), "kustomize")] == [LIMIT]
    assert [*findings.of_kube_score("null", "reader")] == []


def test_checkov_names_the_manifest_or_the_file() -> None:
    def report(path: str, resource: str) -> str:
        check = {"check_id": "A", "check_name": "text", "file_path": path, "resource": resource}
        return json.dumps({"results": {"failed_checks": [check]}, "summary": {"parsing_errors": 0}})

    named = {"kustomize.yaml": "kustomize", "Dockerfile": "deploy/Dockerfile"}
    manifest = findings.of_checkov(report("/x/kustomize.yaml", "Deployment.lynceus.lynceus"), named)
    image = findings.of_checkov(report("/deploy/Dockerfile", "/deploy/Dockerfile.FROM"), named)

    assert [*manifest] == [Finding("checkov", "A", "kustomize/Deployment/lynceus", "text")]
    assert [*image] == [Finding("checkov", "A", "deploy/Dockerfile", "text")]


def test_a_file_that_checkov_cannot_read_is_an_error() -> None:
    """It would pass with nothing found."""
    with pytest.raises(ValueError, match="cannot read"):
        list(findings.of_checkov(json.dumps({"results": {}, "summary": {"parsing_errors": 1}}), {}))


def test_errors_of_kubernetes_validate_differ_from_kinds_of_others() -> None:
    """A crash of it is an error too, not a manifest in which nothing was found."""
    lines = [
        "INFO x.yaml passed for resource service/lynceus against version 1.37",
        "WARN x.yaml Couldn't find schema for kind ApplicationSet with api version a/v1 for kubernetes version 1.37",
        "ERROR x.yaml did not validate for resource deployment/x: spec: 'selector' is a required property",
    ]

    (found,) = findings.of_kubernetes_validate("\n".join(lines), "kustomize")

    assert "'selector' is a required property" in found.text
    with pytest.raises(ValueError, match="kubernetes-validate failed"):
        list(findings.of_kubernetes_validate("Traceback (most recent call last):", "kustomize"))


def test_hadolint_and_compose_spec_name_the_file() -> None:
    line = {"code": "DL3008", "file": "/src/deploy/Dockerfile", "message": "Pin versions"}
    error = "failed to load project: validating x: services.a.cap_dropp false schema"

    assert [*findings.of_hadolint(json.dumps([line]), Path("/src"))] == [
        Finding("hadolint", "DL3008", "deploy/Dockerfile", "Pin versions")
    ]
    assert [*findings.of_compose_spec("name: lynceus\nservices: {}\n", "compose.yaml")] == []
    assert [*findings.of_compose_spec(error, "compose.yaml")] == [
        Finding("compose-spec", "schema", "compose.yaml", error)
    ]
