"""
What the checkers found, in one form; and which of it the written exceptions permit.

A finding without an exception fails, and so does an exception without a finding: it would permit what returns later.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

ALL_WELL = 10
"""Of kube-score's grades."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What a checker dislikes."""

    tool: str
    rule: str
    where: str
    """SOURCE/KIND/NAME of a manifest, or a file."""
    text: str

    def __str__(self) -> str:
        return f"{self.tool} {self.rule} {self.where}: {self.text}"


@dataclass(frozen=True, slots=True, order=True)
class Permitted:
    """One line of the exceptions: a rule at the places that a pattern names."""

    tool: str
    rule: str
    where: str

    def permits(self, finding: Finding) -> bool:
        """Whether it is about this finding."""
        same = (self.tool, self.rule) == (finding.tool, finding.rule)
        return same and fnmatchcase(finding.where, self.where)


class ExceptionsError(Exception):
    """The file of exceptions is not one."""


def read_exceptions(text: str) -> list[Permitted]:
    """The exceptions of a YAML text: a list of tool, rule, where (patterns) and reason, all of them required."""
    permitted: list[Permitted] = []
    for entry in yaml.safe_load(text) or ():
        if set(entry) != {"tool", "rule", "where", "reason"} or len(str(entry["reason"]).split()) < 4:
            raise ExceptionsError(f"needs tool, rule, where and a reason in words: {entry}")
        permitted += (Permitted(entry["tool"], entry["rule"], where) for where in entry["where"])
    if twice := {one for one in permitted if permitted.count(one) > 1}:
        raise ExceptionsError(f"twice: {sorted(twice)}")
    return permitted


def problems(findings: Iterable[Finding], permitted: Iterable[Permitted]) -> list[str]:
    """A line for each finding that no exception permits, and for each exception that permits none."""
    found, exceptions = sorted(set(findings)), sorted(permitted)
    return [
        *(f"not permitted: {finding}" for finding in found if not any(one.permits(finding) for one in exceptions)),
        *(
            f"no such finding, delete the exception: {one.tool} {one.rule} {one.where}"
            for one in exceptions
            if not any(one.permits(finding) for finding in found)
        ),
    ]


def of_hadolint(output: str, root: Path) -> Iterator[Finding]:
    """From `hadolint --format json`."""
    for line in json.loads(output):
        yield Finding("hadolint", line["code"], str(Path(line["file"]).relative_to(root)), line["message"])


def of_kube_score(output: str, source: str) -> Iterator[Finding]:
    """From `kube-score score --output-format json` of a source's manifests."""
    for manifest in json.loads(output) or ():
        where = f"{source}/{manifest['type_meta']['kind']}/{manifest['object_meta']['name']}"
        for check in manifest["checks"]:
            if not check["skipped"] and check["grade"] < ALL_WELL:
                text = "; ".join(comment["summary"] for comment in check["comments"] or ())
                yield Finding("kube-score", check["check"]["id"], where, text)


def of_checkov(output: str, named: Mapping[str, str]) -> Iterator[Finding]:
    """From `checkov --output json`; `named` has the source, or the place itself, by the name of the file that was read."""
    report: Any = json.loads(output)
    if report.get("summary", report)["parsing_errors"]:
        raise ValueError(f"checkov cannot read a file: {output[:2000]}")
    for check in report.get("results", {}).get("failed_checks", ()):
        source = named[Path(check["file_path"]).name]
        kind, _, rest = check["resource"].partition(".")
        is_manifest = check["file_path"].endswith(".yaml")
        where = f"{source}/{kind}/{rest.rpartition('.')[2]}" if is_manifest else source
        yield Finding("checkov", check["check_id"], where, check["check_name"])


_JUDGED = re.compile(r"(INFO|WARN|ERROR) \S+ (.*)")


def of_kubernetes_validate(output: str, source: str) -> Iterator[Finding]:
    """From `kubernetes-validate --strict` of a source's manifests; kinds of other projects have no schema there."""
    for line in output.splitlines():
        if not (judged := _JUDGED.match(line)):
            raise ValueError(f"kubernetes-validate failed: {output[-2000:]}")
        if judged[1] != "INFO" and "Couldn't find schema for kind" not in line:
            yield Finding("kubernetes-validate", "schema", source, judged[2])


def of_compose_spec(output: str, file: str) -> Iterator[Finding]:
    """From the Compose Specification's own reader, which prints what it read, or the first error."""
    if not output.startswith("name: "):
        yield Finding("compose-spec", "schema", file, output.strip())
