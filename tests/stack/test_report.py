"""Progress lines: what is printed, and colours only where they are wanted."""

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from otelgate_stack import report as report_module
from otelgate_stack.report import Report, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (59.9, "59.9s"), (59.96, "1m 00s"), (242, "4m 02s"), (3599.6, "1h 00m"), (3720, "1h 02m")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.fixture
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.mark.usefixtures("standing_clock")
def test_a_step_ends_with_its_time_and_remark() -> None:
    stream = io.StringIO()
    with Report(stream).step("build loki") as step:
        step.note("built by another process")
    assert re.fullmatch(r"build loki … \d+\.\ds \(built by another process\)\n", stream.getvalue())


@pytest.mark.usefixtures("standing_clock")
def test_a_failed_step_says_so() -> None:
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), Report(stream).step("build loki"):
        _ = 1 / 0
    assert re.fullmatch(r"build loki … failed after \d+\.\ds\n", stream.getvalue())


def test_no_colours_beside_a_terminal_and_where_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Report(io.StringIO()).style("x", "red") == "x"
    assert Report(Terminal()).style("x", "red") == "\033[31mx\033[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Report(Terminal()).style("x", "red") == "x"


def test_a_table_is_aligned() -> None:
    stream = io.StringIO()
    Report(stream).table([("loki", "1"), ("prometheus", "2")], header=("service", "n"))
    assert stream.getvalue() == "  service     n\n  loki        1\n  prometheus  2\n"


def test_a_table_is_wrapped_on_a_terminal_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    rows = [("loki", "takes logs of agents")]
    for stream, wrap, expected in (
        (Terminal(), True, "  loki  takes logs\n        of agents\n"),
        (Terminal(), False, "  loki  takes logs of agents\n"),
        (io.StringIO(), True, "  loki  takes logs of agents\n"),
    ):
        Report(stream).table(rows, wrap=wrap)
        assert stream.getvalue() == expected


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_ascii_terminal_gets_ascii_signs(encoding: str) -> None:
    raw = io.BytesIO()
    report = Report(io.TextIOWrapper(raw, encoding=encoding))
    report.done("build loki", 242)
    report.line("✔ traces → Tempo: 名前")
    assert raw.getvalue().decode("ascii") == "build loki ... 4m 02s\n+ traces -> Tempo: ??\n"


def test_every_sign_that_the_stack_prints_has_its_ascii() -> None:
    sources = Path(report_module.__file__).parent.rglob("*.py")
    signs = {sign for source in sources for sign in source.read_text() if not sign.isascii()}
    assert {sign for sign in signs if "?" in report_module._plain(sign, "ascii")} == set()
