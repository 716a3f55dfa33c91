"""
Debian's Chromium, headless, and what it noticed: console messages, requests, contrast.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
PATIENCE_S = 20
T = TypeVar("T")

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


def _installed(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not installed; run: apt-get install chromium chromium-driver"
    return path


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """A browser with an empty profile; fails with the remedy where there is none."""
    options = ChromeOptions()
    options.binary_location, driver = _installed("chromium"), _installed("chromedriver")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With the driver named, selenium looks for none to download.
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


class Page:
    """One page as a person at the browser sees it."""

    def __init__(self, chrome: Chrome, address: str) -> None:
        self.chrome = chrome
        self.forget()
        chrome.get(address)

    def forget(self) -> None:
        """Drop what was logged before."""
        self._log("browser")
        self._log("performance")

    def _log(self, kind: str) -> list[dict[str, Any]]:
        """What was logged since the last question."""
        entries: list[dict[str, Any]] = self.chrome.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def text(self, css: str) -> str:
        """What stands in the first element that matches, as it is rendered."""
        return self._steady(lambda: str(self.chrome.find_element("css selector", css).text))

    def texts(self, css: str) -> list[str]:
        """What stands in all elements that match."""
        return self._steady(lambda: [element.text for element in self.chrome.find_elements("css selector", css)])

    def _steady(self, read: Callable[[], T]) -> T:
        """What is read between two redraws of the page; one in the middle takes the elements away."""
        wait = WebDriverWait(self.chrome, PATIENCE_S, 0.05, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: (read(),))[0]

    def shows(self, css: str, text: str) -> None:
        """Wait until the element holds this text."""
        last = ""

        def holds(_: Chrome) -> bool:
            nonlocal last
            last = self.text(css)
            return text in last

        WebDriverWait(self.chrome, PATIENCE_S, 0.05).until(holds, f"{css} never showed {text!r}")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script of ours returns; the page's own policy does not bind the driver."""
        return self.chrome.execute_script(script, *arguments)

    def emulate(self, width: int, scheme: str = "light") -> None:
        """A screen this wide, with this preference of its owner; still, so that nothing is caught half-way."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def console(self) -> list[str]:
        """All messages of the console, policy violations included."""
        return [entry["message"] for entry in self._log("browser")]

    def requests(self) -> set[str]:
        """Every address the browser asked for on behalf of the page, not of its own new tab."""
        logged = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        sent = [message["params"] for message in logged if message["method"] == "Network.requestWillBeSent"]
        return {one["request"]["url"] for one in sent if not one["documentURL"].startswith("chrome://")}

    def statuses(self, address: str) -> list[tuple[str, int]]:
        """What a server answered to each request of the page, (path, status), whatever the page itself got to see."""
        logged = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        sent = {
            one["params"]["requestId"]: one["params"]["request"]["url"]
            for one in logged
            if one["method"] == "Network.requestWillBeSent"
        }
        answered = [one["params"] for one in logged if one["method"] == "Network.responseReceivedExtraInfo"]
        return [
            (url.removeprefix(address), one["statusCode"])
            for one in answered
            if (url := sent.get(one["requestId"], "")).startswith(address)
        ]

    def faint_texts(self) -> list[str]:
        """Texts that WCAG's AA would call hard to read, each with its ratio."""
        return list(self.run(CONTRAST))
