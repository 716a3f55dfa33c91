"""`lynceus report cost --compare`: why a period cost more than another one."""

from typing import Annotated

import typer

Compare = Annotated[
    str,
    typer.Option(
        "--compare",
        metavar="MONTH|before|same-days",
        help="Explain the difference from a month, like 2026-09, from the time of equal length before, or from as many "
        "days of the month before.",
        show_default=False,
    ),
]
