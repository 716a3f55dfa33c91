"""
Checks that a statement of the writer stays within the engine: it opens no file, no address and no program.

The writer creates, fills and changes tables, so its statements are of many kinds. The engine writes each in its canonical
spelling (`formatQuerySingleLine`), and the names in it are compared with what the engine has: functions that only compute,
table functions that only make rows, engines that store in the store's own folder. Only BACKUP, RESTORE and the database
of a backup may name a file. Texts within quotes are not names.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collector.store.embedded.read_only import QUADRATIC, ReadOnlyChecker, RefusedStatementError

ALWAYS = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}
"""Settings of each statement of the writer: the data of an INSERT are values, and call nothing."""

_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.)*'|`(?P<back>(?:[^`\\]|\\.)*)`|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<word>[A-Za-z_]\w*)|\s+|.""",
    re.DOTALL,
)
_STATEMENTS = frozenset({
    "alter", "backup", "check", "create", "delete", "desc", "describe", "drop", "exchange", "exists", "explain", "insert",
    "kill", "optimize", "rename", "restore", "select", "show", "system", "truncate", "update", "with",
})  # fmt: skip
_CREATED = frozenset({"table", "view", "materialized", "database", "or", "temporary"})
_FILES = frozenset({"outfile", "infile"})
_ENGINE = re.compile(
    r"(replicated)?(replacing|summing|aggregating|collapsing|coalescing)?mergetree|memory|null|atomic|backup|distributed"
)
_MAKE_ROWS = frozenset({"generaterandom", "primes", "viewexplain"})
"""Table functions that only make rows, beside those that readers have."""
_OPENS = re.compile(
    r"format_schema\w*|output_format_schema|format_template_\w+|url_base|rename_files\w*|\w+_path|"
    r"input_format_values_(?:interpret|deduce)\w+"
)
"""Settings whose value names a file, or that undo the ones above."""


@dataclass(frozen=True, slots=True)
class WriterChecker:
    """Knows which of an engine's names reach out of it."""

    functions: frozenset[str]
    table_functions: frozenset[str]

    @classmethod
    def of(cls, readers: ReadOnlyChecker) -> "WriterChecker":
        """The writer's checker: what readers may not use, but for what they may not for its time alone."""
        return cls(readers.functions - QUADRATIC, readers.table_functions - _MAKE_ROWS)

    def check(self, canonical: str) -> None:
        """Raises if the statement reaches out of the engine."""
        tokens = list(_tokens(canonical))
        words = [word for word, _ in tokens]
        first, second = [*words, "", ""][:2]
        if first not in _STATEMENTS or (first == "create" and second not in _CREATED):
            raise RefusedStatementError(f"the writer may not run {first.upper()} {second.upper()}")
        engines = _engines(words) if first == "create" else []
        for engine in engines:
            if not _ENGINE.fullmatch(engine):
                raise RefusedStatementError(f"the writer may not use the engine {engine}")
        is_backup = first in {"backup", "restore"} or engines == ["backup"]
        for number, (word, is_quoted) in enumerate(tokens):
            around = (words[number - 1] if number else "", [*words, ""][number + 1])
            if word[:1].isidentifier():
                self._check_name(word, around, is_backup=is_backup, is_quoted=is_quoted)

    def _check_name(self, word: str, around: tuple[str, str], *, is_backup: bool, is_quoted: bool) -> None:
        before, after = around
        if before == ".":
            return  # a column or a table; no function has a dot
        if word in _FILES and not is_quoted:
            raise RefusedStatementError(f"the writer may not use {word.upper()}")
        if word == "default" and after == ".":
            raise RefusedStatementError("database default reads files; use lynceus")
        if word == "identifier" and before == ":":
            raise RefusedStatementError("a name may not be a parameter; write it out")
        if _OPENS.fullmatch(word) and after == "=":
            raise RefusedStatementError(f"the writer may not set {word}")
        if is_backup and after == "(" and word in {"file", "backup"}:
            return
        calls = after == "(" and (word in self.table_functions or is_backup)
        if calls or word in self.functions:
            raise RefusedStatementError(f"the writer may not use {word}: it reaches out of the engine")


def _tokens(canonical: str) -> Iterator[tuple[str, bool]]:
    """Names in lower case and single characters, without space and texts; and whether it is a name in quotes."""
    for token in _TOKEN.finditer(canonical):
        quoted = token["back"] if token["back"] is not None else token["double"]
        if quoted is not None:
            yield re.sub(r"\\(.)", r"\1", quoted).casefold(), True
        elif not token[0].isspace() and not token[0].startswith("'"):
            yield token[0].casefold(), False


def _engines(words: list[str]) -> list[str]:
    """The engines that a statement names."""
    return [words[at + 2] for at, word in enumerate(words[:-2]) if word == "engine" and words[at + 1] == "="]


def check_settings(names: Iterable[str]) -> None:
    """Raises for a setting that makes the engine open a file."""
    for name in names:
        if _OPENS.fullmatch(name.casefold()):
            raise RefusedStatementError(f"the writer may not set {name}")
