"""
The address of Argo's own UI, which pages and dashboards link to.
"""

from urllib.parse import urlsplit

from collector.shown_text import redact_url

EXAMPLE = "expected a URL like https://argo.example.com"
HERE = ("localhost", "127.0.0.1", "::1")


def argo_ui_problem(url: str) -> str:
    """The problem with an address that becomes a link; empty text: it may be used. Without an address there is no link."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "") if parts.port != 0 else ""
    except ValueError:  # a port out of range, a bracket that is not closed
        host, parts = "", urlsplit("")
    if parts.username or parts.password:
        return "contains a user; give the address alone, since every reader sees it"
    sound = parts.scheme == "https" or (parts.scheme == "http" and host in HERE)
    if not sound or not host or parts.query or parts.fragment or any(sign in url for sign in " \"'<>\\"):
        return f"invalid address {redact_url(url)!r}, {EXAMPLE}; http is for this machine only"
    return ""
