"""
The pages of docs/reference, by file name. One module a page says how its subject is read from the code.
"""

from generate import alerts_page, api_page, cli_page, focus_page, metrics_page, rights_page, settings_page, tables_page


def files() -> dict[str, str]:
    """Every page of docs/reference, by its name."""
    return {
        "settings.md": settings_page.build(),
        "cli.md": cli_page.build(),
        "metrics.md": metrics_page.build(),
        "tables.md": tables_page.build(),
        "alerts.md": alerts_page.build_page(),
        "api.md": api_page.build(),
        "focus.md": focus_page.build(),
        "rights.md": rights_page.build(),
    }
