"""
What every answer of the API must be, for any request: loaded by Schemathesis in its own environment.

CANARIES holds the marks of other departments, one for each line; no answer may show one.
"""

import html
import json
import os
from urllib.parse import quote

import schemathesis

CANARIES = [mark for mark in os.environ["CANARIES"].splitlines() if mark]


@schemathesis.check  # type: ignore[untyped-decorator]
def shows_nothing_of_others(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """No byte of another department's mark in body or headers, but for what the request itself contained."""
    shown = f"{response.text}{response.headers}"
    for value in sorted(map(str, {**case.path_parameters, **case.query}.values()), key=len, reverse=True):
        for form in (value, html.escape(value), json.dumps(value)[1:-1], quote(value, safe=""), quote(value)):
            shown = shown.replace(form, "") if form else shown
    for mark in CANARIES:
        assert mark not in shown, f"the answer shows {mark}"


@schemathesis.check  # type: ignore[untyped-decorator]
def is_no_failure(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """An answer below 500: whatever is value for is found, not there, refused or not understood."""
    assert response.status_code < 500, f"status {response.status_code}: {response.text[:300]}"
