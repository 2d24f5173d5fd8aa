"""A tab of Chromium at the console: what it asked for, what went wrong in it, and its panels."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import playwright.sync_api as playwright
from dashboard_stores import DASHBOARDS
from otelgate_console.asking.frames import Frame
from waiting import until

_MOST_LOADS: Final = 10
# Chromium gives up all connections when any interface of the machine comes or goes, as those of containers do.
_NETWORK_CHANGED: Final = "net::ERR_NETWORK_CHANGED"
_AXE: Final = """
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then((found) =>
  found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 200)}`)))
"""


class Tab:
    """One page. `answers`: the JSON of each panel's frames, by the panel's number."""

    def __init__(self, page: playwright.Page, url: str) -> None:
        self.page = page
        self._url = url
        self.problems: list[str] = []
        self.hosts: set[str] = set()
        self.asked: list[str] = []
        self.answers: dict[int, Any] = {}
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"{error}"))
        page.on("request", self._requested)
        page.on("response", self._answered)

    def _said(self, message: playwright.ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.text} ({message.location.get('url', '')})")

    def _requested(self, request: playwright.Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.hosts.add(re.sub(r"^(\w+://[^/]+).*", r"\1", request.url))
            self.asked.append(request.url.removeprefix(self._url))

    def _answered(self, response: playwright.Response) -> None:
        if found := re.search(r"/frames/[\w-]+/(\d+)\?", response.url):
            self.answers[int(found[1])] = response

    @property
    def foreign(self) -> set[str]:
        """Hosts other than the console's that the page asked."""
        return self.hosts - {self._url}

    def open(self, path: str) -> None:
        """Load a page; once more where the machine's network changed meanwhile."""
        for _ in range(_MOST_LOADS):
            self.problems.clear()
            self.page.goto(self._url + path)
            self.settle()
            if not any(_NETWORK_CHANGED in problem for problem in self.problems):
                return

    def asked_for(self, start: str) -> list[str]:
        """The requests so far whose path begins so."""
        self.handle_events()
        return [each for each in self.asked if each.startswith(start)]

    def handle_events(self) -> None:
        """Let what the browser has reported reach the functions that wait for it."""
        self.page.evaluate("1")

    @property
    def href(self) -> str:
        """The address as the page has it now."""
        found: str = self.page.evaluate("location.href")
        return found

    def address(self, path: str, parameters: Mapping[str, str]) -> str:
        """The whole address of a path with parameters."""
        return f"{self._url}{path}?{urlencode(parameters)}"

    def settle(self) -> None:
        """Wait until no panel that is in sight loads."""
        loading = self.page.locator(".panel[aria-busy], .panel[data-state=loading]")
        in_sight = "all => all.filter(one => one.getBoundingClientRect().top < innerHeight && one.offsetParent).length"
        until(lambda: loading.evaluate_all(in_sight), lambda number: number == 0, deadline_s=120)

    def show_all(self) -> None:
        """Open every row, and make the window so high that all panels are in sight; then wait for them."""
        closed = self.page.locator("h2 button[aria-expanded=false]")
        while closed.count():
            closed.first.click()
        width = self.page.viewport_size["width"] if self.page.viewport_size else 1600
        for _ in range(3):
            height = self.page.evaluate("document.documentElement.scrollHeight")
            self.page.set_viewport_size({"width": width, "height": height})
            self.settle()

    def panel(self, title: str) -> playwright.Locator:
        """The panel with a title."""
        return self.page.locator(".panel").filter(has=self.page.get_by_role("heading", name=title, exact=True))

    def states(self) -> dict[str, str]:
        """The state of each panel by its title."""
        read = "all => all.map(one => [one.querySelector('h3').textContent, one.dataset.state])"
        return dict(self.page.locator(".panel").evaluate_all(read))

    def violations(self, axe: str) -> list[str]:
        """The violations of levels A and AA that axe finds on the page. `axe`: its script."""
        self.page.evaluate(axe)
        found: list[str] = self.page.evaluate(_AXE)
        return found

    def answer_with(
        self,
        frames: Mapping[str, Sequence[Frame]],
        *,
        variables: Mapping[str, Sequence[str]] | None = None,
        annotations: Sequence[Frame] = (),
        **result: str,
    ) -> None:
        """Answer for the stores: `frames` by the panel's title, the choices of variables, and events."""

        def panels(route: playwright.Route) -> None:
            given = [frame.to_json() for frame in frames.get(_title(route.request.url), ())]
            route.fulfill(json=self._frames(given, **result))

        offered = {name: {"values": list(values), "error": ""} for name, values in (variables or {}).items()}
        events = {"results": [{"refId": "Anno", "error": "", "frames": [frame.to_json() for frame in annotations]}]}
        self.page.route("**/frames/**", panels)
        self.page.route("**/variables/**", lambda route: route.fulfill(json=offered))
        self.page.route("**/annotations/**", lambda route: route.fulfill(json=events))

    @staticmethod
    def _frames(frames: Sequence[Any], **result: str) -> dict[str, Any]:
        return {
            "from": START_MS,
            "to": START_MS + 3_600_000,
            "interval": 60_000,
            "normallyEmpty": "",
            "results": [{"refId": "A", "error": "", "refused": "", "frames": frames, **result}],
        }


Open = Callable[..., Tab]
"""Opens a tab at a console."""


def _title(address: str) -> str:
    """The title of the panel whose frames are at an address."""
    found = re.search(r"/frames/([\w-]+)/(\d+)\?", address)
    assert found is not None
    return next(panel.title for panel in DASHBOARDS[found[1]].panels if panel.id == int(found[2]))


START_MS: Final = 1_790_000_000_000
"""The start of the hour of made-up answers, in Unix milliseconds."""
