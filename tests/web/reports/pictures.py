"""
Pictures of the pages of bills, from a demo: in both languages and themes, on a desk and on a telephone.

    python -m tests.web.reports.pictures OUT [--address http://127.0.0.1:8470]

Without an address a demo with a small past is started. OUT gets one file a look; `--whole` draws pages to their ends.
"""

import argparse
import base64
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from tests.web.browser import Page, chromium
from tests.web.reports.laid import demo

PAGES = {"bills": "/reports?why=true", "department": "/reports/perception?why=true"}
SCREENS = {"desk": (1280, 800), "phone": (390, 844)}
READ = "return document.readyState === 'complete' && !document.querySelector('p[role=status]')"
HEIGHT = "return document.documentElement.scrollHeight"
PATIENCE_S = 60


def draw(chrome: Chrome, address: str, screen: tuple[int, int], scheme: str, *, whole: bool = False) -> bytes:
    """A page as PNG, once everything on it is read."""
    page = Page(chrome, address)
    page.emulate(screen[0], scheme)
    WebDriverWait(chrome, PATIENCE_S, 0.2).until(lambda _: page.run(READ))
    height = page.run(HEIGHT) if whole else screen[1]
    clip = {"x": 0, "y": 0, "width": screen[0], "height": height, "scale": 1}
    drawn = chrome.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    return base64.b64decode(drawn["data"])


@contextmanager
def _address(given: str, folder: Path) -> Iterator[str]:
    if given:
        yield given
        return
    with demo(folder) as running:
        yield running.address


def main() -> None:
    """Draws every look of every page."""
    parser = argparse.ArgumentParser(prog="python -m tests.web.reports.pictures", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--address", default="")
    parser.add_argument("--whole", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        _address(arguments.address, Path(folder)) as address,
        chromium(Path(folder) / "profile") as chrome,
    ):
        for name, screen, scheme, tag in product(PAGES, SCREENS, ("light", "dark"), ("en", "zh-CN")):
            path = arguments.out / f"{name}-{screen}-{scheme}-{tag}.png"
            at = f"{address}{PAGES[name]}&lang={tag}"
            path.write_bytes(draw(chrome, at, SCREENS[screen], scheme, whole=arguments.whole))
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
