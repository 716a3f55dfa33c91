"""
YAML from a watched cluster, read within bounds: some hundred bytes of it can keep a parser busy for hours.
"""

from typing import Any

import yaml

LARGEST = 256 * 2**10
"""Bytes; a controller's settings are some kilobytes."""
MOST_MARKS = 2_000
"""Beginnings of a list, of a map or of an entry: the parser's time grows with the square of their depth."""
MARKS = ("[", "{", "- ", "? ", "&")


class _Unmerged(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses merge keys: nine maps that each merge another one nine times are 400 million entries."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.YAMLError("it has a merge key, `<<`")


def parse_foreign(text: str) -> Any:
    """Reads YAML; raises ValueError for text that is not YAML, or that exceeds a bound."""
    if len(text) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 2**10} KiB")
    if any(text.count(mark) > MOST_MARKS for mark in MARKS):
        raise ValueError(f"it has more than {MOST_MARKS} lists or maps")
    try:
        return yaml.load(text, _Unmerged)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from None
