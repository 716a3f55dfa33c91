"""
The pictures of the documentation: the live page, and each dashboard in the dark theme.
"""

import base64
from pathlib import Path

from selenium.webdriver import Chrome

from tests.processes import ROOT
from tests.web.browser import Page, chromium

PICTURES = ROOT / "docs" / "pictures"
LARGEST = 200 * 1024
"""A page with pictures must stay quick to read, and each picture stays in the history for good."""
WIDTH, HEIGHT = 1280, 1100


def name_of(dashboard: str) -> str:
    """The file of a dashboard's picture; README has that of Fleet."""
    return "fleet-dashboard.png" if dashboard == "fleet" else f"dashboard-{dashboard}.png"


def shoot_live_page(address: str, profile: Path) -> Path:
    """The live page as a visitor sees it first."""
    with chromium(profile) as chrome:
        live = Page(chrome, address)
        live.emulate(WIDTH)
        live.shows("#pulse", "live")
        height = min(int(live.run("return document.documentElement.scrollHeight")), HEIGHT)
        return _shoot(chrome, PICTURES / "live-page.png", height)


def _shoot(chrome: Chrome, file: Path, height: int) -> Path:
    """Writes what the browser shows; fails if the picture is too large."""
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 0.8}
    answer = chrome.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True}
    )
    picture = base64.b64decode(answer["data"])
    if len(picture) > LARGEST:
        raise SystemExit(f"{file.name}: {len(picture)} bytes are more than {LARGEST}; lower its scale or its height")
    file.write_bytes(picture)
    return file
