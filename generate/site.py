"""
MkDocs hooks: the runbooks join the site, although they stay beside the alerts that need them.

A page of docs/ links to a runbook by its path in the repository, so that the link works there too; the site rewrites it.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

RUNBOOKS = Path(__file__).parent.parent / "alerts" / "runbooks"
LINK = re.compile(r"\]\((?:\.\./)+alerts/runbooks/(\w+\.md)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds a page for each runbook, under runbooks/."""
    for path in sorted(RUNBOOKS.glob("*.md")):
        files.append(File.generated(config, f"runbooks/{path.name}", content=path.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Points links to runbooks at their pages of the site."""
    up = "../" * page.file.src_uri.count("/")
    return LINK.sub(rf"]({up}runbooks/\1", markdown)
