"""How a process ends while the gateway is there, away, or silent. Exit times are printed: `pytest -rP`."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from otelgate import _lifecycle
from otelgate._health import Health
from otlp_receiver import WAIT_S, Receiver
from programs import Programs

APP = """
    import logging, sys
    from opentelemetry import metrics, trace
    for number in range(300):
        with trace.get_tracer("app").start_as_current_span(f"work {number}"):
            logging.getLogger("app").info("hello")
    metrics.get_meter("app").create_counter("app.orders").add(3)
    print("done", flush=True)
    sys.exit(7)
"""


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port where the kernel accepts connections and no process ever answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


@pytest.fixture
def refused() -> Iterator[int]:
    """A port without a listener, which no other process can bind meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("gateway", ["refused", "black_hole"])
def test_exit_without_gateway(programs: Programs, request: pytest.FixtureRequest, gateway: str, protocol: str) -> None:
    bare = programs.run(APP, instrument=False)
    port = request.getfixturevalue(gateway)
    result = programs.run(
        APP,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTELGATE_EXIT_TIMEOUT="",  # the default
    )
    print(f"{gateway} {protocol}: whole run {result.seconds:.2f} s, without telemetry {bare.seconds:.2f} s")
    assert (result.status, result.stdout) == (bare.status, bare.stdout) == (7, "done\n")
    away, dropped = [line for line in result.stderr.splitlines() if line]
    assert away.startswith(f"can't send telemetry to 127.0.0.1:{port}: ")
    assert away.endswith(". The application goes on; up to a full queue is kept until it is back")
    assert dropped == "dropped 300 spans and 1 metric export: the process ended before they could be delivered"


def test_exit_with_gateway_flushes_all(programs: Programs, receiver: Receiver) -> None:
    result = programs.run(APP, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert (result.status, result.stdout, result.stderr) == (7, "done\n", "")
    assert len(receiver.spans()) == 300
    assert receiver.total("app.orders") == 3


def test_an_uncaught_exception_ends_as_ever(programs: Programs, receiver: Receiver) -> None:
    source = """
        from opentelemetry import trace
        trace.get_tracer("app").start_span("work").end()
        raise ValueError("as ever")
    """
    bare = programs.run(source, instrument=False)
    result = programs.run(source, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert result.status == bare.status == 1
    assert result.stderr.splitlines()[-1] == bare.stderr.splitlines()[-1] == "ValueError: as ever"
    assert [span.name for span in receiver.spans()] == ["work"]


def test_one_deadline_for_all_signals() -> None:
    """The three signals are flushed at the same time: each waits for the others to have begun."""
    import threading

    barrier = threading.Barrier(3)

    class Provider:
        def force_flush(self, timeout_millis: int = 0) -> bool:
            barrier.wait(WAIT_S)
            return True

        def shutdown(self) -> None:
            self.force_flush()

    lifecycle = _lifecycle.Lifecycle({name: Provider() for name in ("traces", "metrics", "logs")}, [], Health(), WAIT_S)
    assert lifecycle.flush(WAIT_S)
    assert lifecycle.shutdown(WAIT_S)
    assert not lifecycle.flush(WAIT_S), "nothing is delivered after the end"


def test_each_answer_puts_the_deadline_off() -> None:
    health = Health()
    lifecycle = _lifecycle.Lifecycle({}, [], health, 2.0)
    deadline, limit = lifecycle._deadline(None), lifecycle._deadline(30.0)
    first, fixed = deadline(), limit()
    health.succeeded("gateway:4317", "traces")
    assert first < deadline() == health.answered_at + 2.0
    assert limit() == fixed
    health.answered_at += 3600.0
    assert deadline() == pytest.approx(first + 8.0), "five time-outs at most"


def test_hanging_flush_is_abandoned() -> None:
    import threading

    never = threading.Event()

    class Hanging:
        flushes = 0

        def force_flush(self, timeout_millis: int = 0) -> bool:
            self.flushes += 1
            return never.wait()

        def shutdown(self) -> None:
            never.wait()

    provider = Hanging()
    lifecycle = _lifecycle.Lifecycle({"traces": provider}, [], Health(), WAIT_S)
    assert not lifecycle.flush(0.01)
    assert not lifecycle.flush(0.01)
    assert not lifecycle.shutdown(0.01)
    assert provider.flushes <= 1, "flushes don't queue up behind one that hangs"
    never.set()


def test_hanging_exporter_shutdown_is_abandoned() -> None:
    import threading

    from otelgate import _export, _lifecycle
    from otelgate._health import Health, ReasonFilter

    never = threading.Event()

    class Hanging:
        def export(self, batch: object) -> None:
            never.wait()

        def shutdown(self) -> None:
            never.wait()

    health = Health()
    link = _export.Link("traces", Hanging(), Hanging, health, ReasonFilter(), hold=True)

    class Provider:
        def force_flush(self, timeout_millis: int = 0) -> bool:
            return link.send(["a span"])

        def shutdown(self) -> None:
            self.force_flush()

    lifecycle = _lifecycle.Lifecycle({"traces": Provider()}, [link], health, WAIT_S)
    ended = threading.Thread(target=lifecycle.shutdown, args=(0.01,), daemon=True)
    ended.start()
    ended.join(WAIT_S)
    assert not ended.is_alive()
    never.set()


def test_a_flush_while_another_runs_sends_what_came_meanwhile() -> None:
    import threading

    recorded, begun, go_on, sent = ["first"], threading.Event(), threading.Event(), []

    class Slow:
        def force_flush(self, timeout_millis: int = 0) -> bool:
            batch = recorded[:]
            recorded.clear()
            begun.set()
            assert go_on.wait(WAIT_S)
            sent.append(batch)
            return True

        def shutdown(self) -> None:
            pass

    lifecycle = _lifecycle.Lifecycle({"traces": Slow()}, [], Health(), WAIT_S)
    assert not lifecycle.flush(0.0)
    assert begun.wait(WAIT_S)
    recorded.append("second")
    assert not lifecycle.flush(0.0)
    recorded.append("third")
    assert not lifecycle.flush(0.0)
    go_on.set()
    assert lifecycle.flush(WAIT_S)
    assert [each for batch in sent for each in batch] == ["first", "second", "third"]
    assert len(sent) <= 3, "one that has not begun sends what came until then, too"


class Sends:
    """A provider that has sent all once it may go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.sent = False

    def force_flush(self, timeout_millis: int = 0) -> bool:
        self.sent = self.go_on.wait(WAIT_S)
        return self.sent

    def shutdown(self) -> None:
        self.force_flush()


@pytest.mark.parametrize("method", ["flush", "shutdown"])
def test_end_within_any_line_of_itself_returns_when_all_is_sent(method: str) -> None:
    """As a signal handler's does that interrupts it, in the lines of its waiting, too."""
    seen: set[str] = set()
    line, answers = 0, [True, True]
    while len(answers) == 2:  # until it has no such line
        line += 1
        provider, answers = Sends(), []
        end = getattr(_lifecycle.Lifecycle({"traces": provider}, [], Health(), WAIT_S), method)
        thread = threading.Thread(target=ended_twice, args=(end, provider, line, answers, seen), daemon=True)
        thread.start()
        while not goes_on_or_waits(provider, thread):
            time.sleep(0.001)
        provider.go_on.set()
        thread.join(WAIT_S)
        assert not thread.is_alive(), f"{method} from within line {line} of {method} does not return"
        assert all(answers), f"{method} from within line {line} of {method} returns before all is sent"
    assert {method, "submit", "_wait_for_all", "_wait", "wait"} <= seen


def goes_on_or_waits(provider: Sends, thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return provider.go_on.is_set() or frame is None or frame.f_code is _lifecycle._Done.wait.__code__


def ended_twice(end: Callable[[float], bool], provider: Sends, line: int, answers: list[bool], seen: set[str]) -> None:
    """End, and once more from within its line of that number; whether each returned when all was sent."""
    left = line

    def trace(frame: FrameType, what: str, argument: Any) -> Any:
        nonlocal left
        left -= what == "line"
        seen.add(frame.f_code.co_name)
        if left == 0:
            left = -1  # once: an event of another kind may still follow
            sys.settrace(None)
            provider.go_on.set()
            answers.append(end(WAIT_S) and provider.sent)
        return trace if left > 0 else None

    sys.settrace(trace)
    answers.append(end(WAIT_S) and provider.sent)
    sys.settrace(None)


def terminate(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=WAIT_S)
    return process.returncode, stdout, stderr


SIGTERM_APP = """
    import os, signal, sys, threading, time
    {before}
    import otelgate
    otelgate.init()
    {after}
    from opentelemetry import trace
    span = trace.get_tracer("app").start_span("work")
    span.end()
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
"""


def sigterm_app(before: str = "", after: str = "") -> str:
    return SIGTERM_APP.format(before=before, after=after)


@pytest.fixture
def start(programs: Programs, receiver: Receiver) -> Callable[[str], subprocess.Popen[str]]:
    # A long delay: what arrives was flushed, not sent in time.
    return lambda source: programs.start(
        source,
        instrument=False,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_BSP_SCHEDULE_DELAY="600000",
    )


Start = Callable[[str], "subprocess.Popen[str]"]


def test_sigterm_flushes_and_kills_as_ever(start: Start, receiver: Receiver) -> None:
    status, stdout, stderr = terminate(start(sigterm_app()))
    assert (status, stdout, stderr) == (-signal.SIGTERM, "", "")
    assert [span.name for span in receiver.spans()] == ["work"]


def test_sigterm_during_a_black_hole(programs: Programs, black_hole: int) -> None:
    status, stdout, _ = terminate(
        programs.start(
            sigterm_app(), OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{black_hole}", OTELGATE_EXIT_TIMEOUT=""
        )
    )
    assert (status, stdout) == (-signal.SIGTERM, "")


@pytest.mark.parametrize("how", ["sys.exit(3)", "os._exit(3)"])
def test_an_existing_handler_is_chained(start: Start, receiver: Receiver, how: str) -> None:
    action = f"(print(number, frame is not None, flush=True), {how})"
    handler = f"signal.signal(signal.SIGTERM, lambda number, frame: {action})"
    status, stdout, stderr = terminate(start(sigterm_app(before=handler)))
    assert (status, stdout, stderr) == (3, "15 True\n", "")
    assert [span.name for span in receiver.spans()] == ["work"]


def test_a_later_handler_of_the_application_wins(start: Start, receiver: Receiver) -> None:
    handler = "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(4))"
    status, stdout, stderr = terminate(start(sigterm_app(after=handler)))
    assert (status, stdout, stderr) == (4, "", "")
    assert [span.name for span in receiver.spans()] == ["work"]


def test_ignored_sigterm_stays_ignored(programs: Programs, receiver: Receiver) -> None:
    result = programs.run(
        """
        import os, signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        import otelgate
        otelgate.init()
        os.kill(os.getpid(), signal.SIGTERM)
        print("alive", signal.getsignal(signal.SIGTERM).name)
        """,
        instrument=False,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
    )
    assert (result.status, result.stdout, result.stderr) == (0, "alive SIG_IGN\n", "")


def test_outside_of_the_main_thread_no_handler_is_installed(programs: Programs, receiver: Receiver) -> None:
    result = programs.run(
        """
        import signal, threading, otelgate
        thread = threading.Thread(target=otelgate.init)
        thread.start()
        thread.join()
        print(signal.getsignal(signal.SIGTERM).name)
        from opentelemetry import trace
        trace.get_tracer("app").start_span("work").end()
        """,
        instrument=False,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
    )
    assert (result.status, result.stdout, result.stderr) == (0, "SIG_DFL\n", "")
    assert [span.name for span in receiver.spans()] == ["work"]


def test_flush_and_shutdown_by_hand(programs: Programs, receiver: Receiver) -> None:
    result = programs.run(
        """
        import os, otelgate
        from opentelemetry import trace
        tracer = trace.get_tracer("app")
        tracer.start_span("one").end()
        print(otelgate.flush(timeout_s=30))
        tracer.start_span("two").end()
        otelgate.shutdown()
        otelgate.shutdown()
        tracer.start_span("three").end()
        print(otelgate.flush())
        os._exit(0)
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
    )
    assert (result.status, result.stdout, result.stderr) == (0, "True\nFalse\n", "")
    assert [span.name for span in receiver.spans()] == ["one", "two"]


def test_flush_says_when_the_gateway_is_away(programs: Programs, refused: int) -> None:
    result = programs.run(
        """
        import otelgate
        from opentelemetry import trace
        trace.get_tracer("app").start_span("one").end()
        print(otelgate.flush(timeout_s=0.5))
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{refused}",
    )
    assert (result.status, result.stdout) == (0, "False\n")
