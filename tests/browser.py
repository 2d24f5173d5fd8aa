"""A real Chromium for tests, without a window: driven through chromedriver by the W3C WebDriver protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import pytest
from otelgate_stack import web

BROWSER: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER: Final = shutil.which("chromedriver")

needed = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="chromium and chromedriver are not both installed: no test in a browser"
)

_ARGUMENTS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)


class Browser:
    """A session with chromedriver."""

    def __init__(self, client: httpx.Client, profile: Path, arguments: Sequence[str]) -> None:
        self._client = client
        options = {
            "binary": BROWSER,
            "args": [*_ARGUMENTS, *arguments, f"--user-data-dir={profile}"],
            "perfLoggingPrefs": {"enableNetwork": True, "enablePage": False},
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"performance": "ALL"},
        }
        answer = client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}).raise_for_status()
        self._session = f"/session/{answer.json()['value']['sessionId']}"

    def post(self, path: str, **body: Any) -> Any:
        return self._client.post(self._session + path, json=body).raise_for_status().json()["value"]

    def get(self, path: str) -> Any:
        return self._client.get(self._session + path).raise_for_status().json()["value"]

    def quit(self) -> None:
        self._client.delete(self._session).raise_for_status()

    def open(self, url: str) -> None:
        """Load a page. Raises httpx.HTTPStatusError where nothing answers."""
        self.post("/url", url=url)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value with which a script of the page calls its last argument."""
        return self.post("/execute/async", script=script, args=arguments)

    def network(self) -> list[dict[str, Any]]:
        """The DevTools events of all that was sent and answered since the last call: `method` and `params` of each."""
        entries = self.post("/se/log", type="performance")
        return [json.loads(entry["message"])["message"] for entry in entries]


B = TypeVar("B", bound=Browser)


@contextmanager
def browsing(profile: Path, *arguments: str, kind: type[B], timeout_s: float = 60) -> Iterator[B]:
    """A browser with a new profile in that folder, and these switches in addition to the usual ones."""
    assert DRIVER is not None
    with subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout is not None
            ready = next(line for line in driver.stdout if "started successfully on" in line)
            url = f"http://127.0.0.1:{ready.rstrip().rstrip('.').rpartition(' ')[2]}"
            with web.client(base_url=url, timeout=timeout_s) as client:
                browser = kind(client, profile, arguments)
                try:
                    yield browser
                finally:
                    browser.quit()
        finally:
            driver.terminate()
