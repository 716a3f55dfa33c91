"""
Reports as the API answers them: the names and figures of `lynceus report … --format json`, and the page of them.
"""

from collector.web.api_model import ApiModel

Cell = str | int | None
"""A value of a row. Amounts and rates are text, since a float loses digits; null: unknown, or nothing to count."""


class ReportMonth(ApiModel):
    """What a month of a report stands on."""

    month: str
    """Like 2026-11."""
    state: str
    """`estimate`: the bill may change; `reconciled`; `locked`: it never changes; `not the bill`: another run is active."""
    complete_until: str | None
    """Until when rows are in the bill, in UTC; null: the shared costs of the month are not computed yet."""
    run: int
    """The pricing run."""
    hash: str | None
    """Of a locked month, for readers of everything: it differs if anything in the bill differs."""


class ReportTable(ApiModel):
    """A further table of a report."""

    title: str
    """What it is about."""
    rows: list[dict[str, Cell]]
    """Its rows on this page, by the names of columns."""
    notes: list[str]
    """What the table needs to be understood."""
    totals: tuple[dict[str, Cell], ...] = ()
    """Sums of all its rows, one for each currency; absent: its rows do not add up."""
    parts: tuple["ReportTable", ...] = ()
    """Further tables; absent: none."""


class PageOfRows(ApiModel):
    """Which rows of a report are on a page. The rows of its parts follow its own."""

    rows: int
    """Rows of the whole report, those of its parts included."""
    begin: int
    """Rows before this page."""
    limit: int
    """The most rows of a page."""
    cursor: str | None
    """Asks for the next page, with the same parameters; null: this is the last one."""
    next: str | None
    """The address of the next page; null: this is the last one."""


class ReportPage(ReportTable):
    """A report. Totals, months and notes are of the whole report, whatever page it is."""

    months: tuple[ReportMonth, ...] = ()
    """What each month stands on; absent: the report is not about bills."""
    paging: PageOfRows
    """Where its other rows are."""


class RefusedReport(ApiModel):
    """Why there is no report."""

    detail: str
    """What is wrong."""
    remedy: str
    """What to do about it."""
    parameter: str | None = None
    """The parameter that is wrong; null: none of them alone."""
