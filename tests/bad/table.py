"""All bad inputs, and those that come out wrong as the product stands."""

from tests.bad import objects, streams, values
from tests.bad.cases import CANARY, Case

CASES: tuple[Case, ...] = (*objects.CASES, *values.CASES, *streams.CASES)
BY_NAME = {bad.name: bad for bad in CASES}

_FUTURE = "an instant that has not been yet is believed"
_WIDE = "memory beyond 64 bits stops the whole commit with OverflowError"
_DIGITS = "json.loads refuses integers of more than 4,300 digits, and the second try takes that for no JSON"
_SHOWN = "quarantine shows uid and name whatever they are, an object with all that is in it"

BROKEN: dict[str, str] = {
    "25 workflow finished in ten years": _FUTURE,
    "25 workflow finished next year": _FUTURE,
    "25 instance made in ten years": _FUTURE,
    "39 three times all memory there is": _WIDE,
    "39 three times all disk there is": _WIDE,
    "62 a priority of 5,000 digits": _DIGITS,
    "62 5,000 digits in a step": _DIGITS,
    f"67 uid {{'secret': {CANARY!r}}}: workflows": _SHOWN,
    f"67 uid {{'secret': {CANARY!r}}}: pods": _SHOWN,
    "67 a name that is an object: workflows": _SHOWN,
    "67 a name that is an object: pods": _SHOWN,
}
"""Why a case fails, by its name. Each is an expected failure and no more: once mended, its line here has to go."""

_WHOLE_LIST = "an item that cannot be walked past makes the whole list unusable, again and again"
BROKEN_IN_LISTS: dict[str, str] = {
    bad.name: _WHOLE_LIST for bad in CASES if bad.name.startswith("43 ") or bad.name in ("62 NaN", "62 Infinity")
}
"""Why a case fails as an item of a list."""

COSTLY = (
    "13 20000 steps", "13 100000 steps, packed", "14 a chain of 10,000", "14 a failed chain of 10,000",
    "54 a line of 15 MiB", "54 a line of 17 MiB", "55 a bomb of packed steps", "55 a bomb of packed steps, zstd",
    "55 a dense bomb of steps", "59 packed in 10,000 members", "62 100,000 deep in a label", "62 100,000 deep in a step",
    "50 20,000 conditions",
)  # fmt: skip
"""Those whose time and memory are measured each in a process of its own."""
