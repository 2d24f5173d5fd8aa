"""The element with two thumbs: its logic in node, and by keyboard in a real browser under a strict policy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import browser as chromium
import grpc
import pytest
from browser import Browser
from otelgate_audit.feedback import app
from waiting import until

from ..feedback_server import TRACE_ID, Gateway, serving, settings, token

ELEMENT = Path(app.__file__).parent / "element.js"
HARNESS = Path(__file__).parent / "element.mjs"
NODE = shutil.which("node")
NEW_ENOUGH = 18

SHADOW = "shadow-6066-11e4-a52e-4f735466cecf"
REFERENCE = "element-6066-11e4-a52e-4f735466cecf"
TAB, SPACE, ENTER, CONTROL = "\ue004", " ", "\ue007", "\ue009"


def node_is_missing() -> str:
    """Why the logic can't be tested; empty where it can."""
    if NODE is None:
        return "node is not installed: the element's logic is not tested"
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    old = int(version.removeprefix("v").partition(".")[0]) < NEW_ENOUGH
    return f"node {version} is older than {NEW_ENOUGH}: the element's logic is not tested" if old else ""


def test_element_logic() -> None:
    if reason := node_is_missing():
        pytest.skip(reason)
    assert NODE is not None
    done = subprocess.run([NODE, str(HARNESS), str(ELEMENT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == HARNESS.read_text().count("\n  async ")
    assert {name: why for name, why in results.items() if why != "ok"} == {}


def test_it_needs_nothing_of_a_pages_policy() -> None:
    """Neither HTML from strings nor inline styles and handlers, which a strict policy forbids."""
    source = ELEMENT.read_text()
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "eval(",
        ".style.",
        "onclick",
        "import ",
        "export ",
    ):
        assert forbidden not in source, forbidden


def test_feedback_page_names_every_text_and_property() -> None:
    page, source = (ELEMENT.parents[2] / "FEEDBACK.md").read_text(), ELEMENT.read_text()
    texts = source.partition("const TEXTS = {")[2].partition("};")[0]
    names = set(re.findall(r'^ *"?([a-z-]+)"?:', texts, re.MULTILINE)) | set(re.findall(r"--otelgate-[a-z-]+", source))
    assert len(names) == 22
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


class Page:
    """A web page on an origin of its own, whose policy lets nothing in but the endpoint."""

    def __init__(self) -> None:
        self.html = self.policy = ""
        self.violations: list[bytes] = []
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = page.html.encode() if self.path == "/" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", page.policy)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                page.violations.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def show(self, endpoint: str, given: str) -> None:
        self.policy = (
            f"default-src 'none'; script-src {endpoint}; connect-src {endpoint}; base-uri 'none'; form-action 'none';"
            " require-trusted-types-for 'script'; trusted-types 'none'; report-uri /violations"
        )
        self.html = (
            '<!doctype html><html lang="en"><title>An answer</title>'
            f'<script defer src="{endpoint}/v1/feedback/element.js"></script><p>The answer.</p>'
            f'<otelgate-feedback trace-id="{TRACE_ID}" token="{given}"></otelgate-feedback></html>'
        )

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Visitor(Browser):
    """A browser that shows a page with the element."""

    def open(self, url: str) -> None:
        """Load a page; the element is then there."""
        super().open(url)
        host = self.post("/element", using="css selector", value="otelgate-feedback")[REFERENCE]
        self._root = self.get(f"/element/{host}/shadow")[SHADOW]

    def part(self, selector: str) -> str:
        return str(self.post(f"/shadow/{self._root}/element", using="css selector", value=selector)[REFERENCE])

    def told(self, selector: str) -> tuple[str, str, str | None]:
        """The properties for a screen reader: role, name, whether it is pressed."""
        part = self.part(selector)
        role, label = self.get(f"/element/{part}/computedrole"), self.get(f"/element/{part}/computedlabel")
        return role, label, self.get(f"/element/{part}/attribute/aria-pressed")

    def status(self) -> str:
        return str(self.get(f"/element/{self.part('[role=status]')}/text"))

    def shown(self, selector: str) -> bool:
        return bool(self.get(f"/element/{self.part(selector)}/displayed"))

    def press(self, *keys: str, held: str = "") -> None:
        """Real key presses, wherever the focus is."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        if held:
            strokes = [{"type": "keyDown", "value": held}, *strokes, {"type": "keyUp", "value": held}]
        self.post("/actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page()
    yield page
    page.stop()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Visitor]:
    with chromium.browsing(tmp_path / "profile", kind=Visitor) as visitor:
        yield visitor


@chromium.needed
def test_by_keyboard_in_a_browser(
    page: Page, browser: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "RETRY_AFTER_S", 1)
    gateway = Gateway()
    with serving(settings(tmp_path, gateway.endpoint, OTELGATE_FEEDBACK_ORIGINS=page.origin)) as endpoint:
        page.show(endpoint, token(sub="user-7", svc="shop"))
        browser.open(page.origin)
        assert browser.told("[role=group]")[:2] == ("group", "Rate this answer")
        assert browser.told(".up") == ("button", "Good answer", "false")
        assert browser.told(".down") == ("button", "Bad answer", "false")
        assert not browser.shown("textarea")

        gateway.status = grpc.StatusCode.INVALID_ARGUMENT
        browser.press(TAB, TAB, SPACE)
        assert until(lambda: browser.status() == "Sending again in a moment …"), "503"
        gateway.status = None
        assert until(lambda: browser.status() == "Thank you for your feedback."), "the second try"
        assert gateway.refused >= 1
        assert browser.told(".down") == ("button", "Bad answer", "true")
        assert browser.told(".up") == ("button", "Good answer", "false")

        assert browser.shown("textarea")
        assert browser.told("textarea")[:2] == ("textbox", "What was good, what was bad?")
        browser.press(TAB, *"Wrong order.")
        browser.press(ENTER, held=CONTROL)
        assert until(lambda: not browser.shown("textarea")), "the comment"
        focused = browser.post("/execute/sync", script=_FOCUSED, args=[])
        assert focused == "Bad answer"
    gateway.stop()
    assert page.violations == []
    votes = [vote for batch in gateway.stored() for vote in batch.feedback]
    assert [(vote.trace_id, vote.user_id, vote.rating) for vote in votes] == [(TRACE_ID, "user-7", "negative")] * 2
    assert votes[0].uid == votes[1].uid
    words = [text.input for batch in gateway.stored() for text in batch.texts.values()]
    assert words == ["Wrong order."]


_FOCUSED = "return document.querySelector('otelgate-feedback').shadowRoot.activeElement.getAttribute('aria-label')"
