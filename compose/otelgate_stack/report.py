"""Progress lines: what the stack does while it does it, each step with its time. Colours and tables are rich's.

Lines and steps are our own: rich takes fifty times as long for a line, which the logs of a stack show, and its progress
bars show nothing where there is no terminal, as in CI.
"""

import io
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

_INDENT = "  "
_UNLIMITED = 10_000  # columns, where no terminal limits them

_ASCII = str.maketrans(
    {"✔": "+", "✘": "x", "…": "...", "→": "->", "·": "-", "—": "-", "─": "-", "│": "|", "├": "|", "└": "`"}
)


def duration(seconds: float) -> str:
    """0.4 -> "0.4s", 75 -> "1m 15s", 3700 -> "1h 01m"."""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest:02d}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02d}m"


def _plain(text: str, encoding: str) -> str:
    """For a terminal or a file that cannot show everything: our own signs as ASCII, others as `?`."""
    return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)


class Step:
    """A step under way; `note` adds a remark to the line at its end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = time.monotonic()
        self.remark = ""

    def note(self, text: str) -> None:
        self.remark = text


class Report:
    """Writes lines to `stream`, from any thread; colours only on a terminal, and never where NO_COLOR is set."""

    def __init__(self, stream: TextIO | None = None, *, still_every_s: float = 30.0) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._still_every_s = still_every_s
        console = Console(file=self._stream)
        self._colour = console.color_system is not None and not console.no_color
        self._width = console.width if console.is_terminal else _UNLIMITED

    def style(self, text: str, *names: str) -> str:
        """The text in a colour ("red", "bold", ...), or as it is where no colours are wanted."""
        if not self._colour or not text:
            return text
        return Style.parse(" ".join(names)).render(text, color_system=ColorSystem.STANDARD)

    def line(self, text: str = "", *styles: str) -> None:
        """One line, without delay."""
        with self._lock:
            line = self.style(text, *styles) + "\n"
            try:
                self._stream.write(line)
            except UnicodeEncodeError:
                self._stream.write(_plain(line, self._stream.encoding))
            self._stream.flush()

    def done(self, name: str, seconds: float, remark: str = "") -> None:
        """`name … 4m 02s (remark)`, for a step that the caller timed."""
        self.line(f"{name} … {self.style(duration(seconds), 'green')}" + (f" ({remark})" if remark else ""))

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Prints `name … 4m 02s` at the end, `name … failed after 3.1s` when left by an exception.

        A step longer than 3 s reports that it still runs, then every `still_every_s` seconds.
        """
        step, done = Step(name), threading.Event()
        ticker = threading.Thread(target=self._tick, args=(step, done), daemon=True)
        ticker.start()
        try:
            yield step
        except BaseException:
            self._finish(done, ticker)
            self.line(f"{name} … {self.style('failed', 'red')} after {duration(time.monotonic() - step.started)}")
            raise
        self._finish(done, ticker)
        self.done(name, time.monotonic() - step.started, step.remark)

    def table(self, rows: Sequence[Sequence[str]], header: Sequence[str] = (), *, wrap: bool = False) -> None:
        """Columns as wide as their widest cell. `wrap`: on a terminal, texts are wrapped at its width."""
        table = Table(
            *header, box=None, show_header=bool(header), header_style="", pad_edge=False, padding=(0, 2, 0, 0)
        )
        for row in rows:
            table.add_row(*map(Text, row))
        console = Console(
            file=io.StringIO(), width=(self._width if wrap else _UNLIMITED) - len(_INDENT), color_system=None
        )
        with console.capture() as captured:
            console.print(table)
        for number, line in enumerate(captured.get().splitlines()):
            self.line(_INDENT + line.rstrip(), *(["bold"] if header and number == 0 else []))

    def _tick(self, step: Step, done: threading.Event) -> None:
        if done.wait(3.0):
            return
        self.line(f"{step.name} …", "dim")
        while not done.wait(self._still_every_s):
            self.line(f"{step.name} … still at it after {duration(time.monotonic() - step.started)}", "dim")

    @staticmethod
    def _finish(done: threading.Event, ticker: threading.Thread) -> None:
        done.set()
        ticker.join()
