"""Process ends that run no `atexit`: finished spans arrive, and no parent waits for a child forever."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from otelgate import _lifecycle
from otelgate._health import Health
from otlp_receiver import WAIT_S, Receiver
from programs import Programs, Result

Run = Callable[..., Result]

NEVER = {"OTEL_BSP_SCHEDULE_DELAY": "600000", "OTEL_METRIC_EXPORT_INTERVAL": "600000"}
"""All that arrives was sent since something ended."""

WORK = """
    import os, signal, sys
    import otelgate
    otelgate.init()
    from opentelemetry import metrics, trace
    tracer = trace.get_tracer("app")
    counter = metrics.get_meter("app").create_counter("app.tasks")

    def work(name="task"):
        tracer.start_span(str(name)).end()
        counter.add(1)
        return getattr(signal.getsignal(signal.SIGTERM), "name", "ours")
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_terminated_pool_sends_each_task(run: Run, receiver: Receiver, method: str) -> None:
    """Which `with Pool()` is, as soon as the last result is there."""
    rounds = 5 if method == "fork" else 1
    result = run(
        WORK
        + f"""
    if __name__ == "__main__":
        import multiprocessing
        for _ in range({rounds}):
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                print(set(pool.map(work, range(4), chunksize=1)))
    """,
        instrument=False,
        **NEVER,
    )
    assert (result.status, result.stdout) == (0, "{'SIG_DFL'}\n" * rounds), result.stderr
    assert Counter(span.name for span in receiver.spans()) == {str(number): rounds for number in range(4)}
    assert receiver.total("app.tasks") == rounds * 4


def test_no_pool_hangs_when_it_is_terminated(run: Run) -> None:
    """A Python handler of SIGTERM, inherited by the children, would miss the signal now and then."""
    result = run(
        WORK
        + """
    if __name__ == "__main__":
        import multiprocessing
        for _ in range(20):
            with multiprocessing.get_context("fork").Pool(3) as pool:
                assert pool.map(abs, range(6), chunksize=1) == list(range(6))
        print("none hung")
    """,
        instrument=False,
        OTEL_TRACES_EXPORTER="none",
    )
    assert (result.status, result.stdout) == (0, "none hung\n"), result.stderr


def test_a_handler_of_the_application_stays_in_children(run: Run) -> None:
    result = run(
        """
    import multiprocessing, signal
    def mine(*args): pass
    def handler(): return signal.getsignal(signal.SIGTERM).__name__
    def pooled():
        with multiprocessing.get_context("fork").Pool(1) as pool:
            pool_handler = pool.apply(handler)
            pool.close()
            pool.join()
            return pool_handler
    signal.signal(signal.SIGTERM, mine)
    import otelgate; otelgate.init()
    print(pooled(), handler())
    signal.signal(signal.SIGTERM, mine)
    print(pooled(), handler())
    """,
        instrument=False,
    )
    assert (result.status, result.stdout) == (0, "mine handler\nmine mine\n"), result.stderr


@pytest.mark.parametrize(
    ("end", "status", "output"),
    [
        ("os._exit(3)", 3, ""),
        ("signal.signal(signal.SIGTERM, signal.SIG_DFL); signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM, ""),
        ("os.execl(sys.executable, sys.executable, '-S', '-c', 'print(1)')", 0, "1\n"),
    ],
    ids=["os._exit", "raise_signal", "exec"],
)
def test_calls_that_end_a_process_send_before(run: Run, receiver: Receiver, end: str, status: int, output: str) -> None:
    result = run(WORK + f"\n    work()\n    {end}\n", instrument=False, **NEVER)
    assert (result.status, result.stdout) == (status, output), result.stderr
    assert ([span.name for span in receiver.spans()], receiver.total("app.tasks")) == (["task"], 1)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("os._exit(3)", 3),
        ("signal.signal(signal.SIGTERM, signal.SIG_DFL); os._exit(3)", 3),
        ("signal.signal(signal.SIGTERM, signal.SIG_DFL); signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("sys.exit(3)", 3),
    ],
    ids=["os._exit", "default", "raise_signal", "SIGTERM", "sys.exit"],
)
def test_sigterm_while_a_process_ends_loses_nothing(run: Run, receiver: Receiver, end: str, status: int) -> None:
    """It comes while the last metrics are being collected."""
    result = run(
        WORK
        + f"""
    def size(options):
        os.kill(os.getpid(), signal.SIGTERM)
        return [metrics.Observation(1)]
    metrics.get_meter("app").create_observable_gauge("app.size", [size])
    work()
    {end}
    """,
        instrument=False,
        **NEVER,
    )
    assert result.status == status, result.stderr
    assert ([span.name for span in receiver.spans()], receiver.total("app.tasks")) == (["task"], 1)


CELERY = """
class Signal:
    def __init__(self): self.receivers = []
    def connect(self, receiver, weak=True): self.receivers.append(receiver)
    def send(self, sender=None, **named):
        for receiver in self.receivers: receiver(signal=self, sender=sender, **named)
worker_process_init, worker_process_shutdown, task_postrun = Signal(), Signal(), Signal()
"""


def test_celery_children_send_at_the_end_of_tasks_and_of_themselves(programs: Programs, receiver: Receiver) -> None:
    """Which are killed when they exceed a time limit, and while they say goodbye."""
    (programs.folder / "celery").mkdir()
    (programs.folder / "celery" / "__init__.py").touch()
    (programs.folder / "celery" / "signals.py").write_text(CELERY)
    process = programs.start(
        WORK
        + """
    from celery import signals
    reader, writer = os.pipe()
    signal.signal(signal.SIGUSR1, lambda *args: os.write(writer, b"x"))
    pid = os.fork()
    if pid == 0:
        signals.worker_process_init.send("worker")
        work("first")
        signals.task_postrun.send("task")
        os.read(reader, 1)
        work("last")
        signals.worker_process_shutdown.send("worker", pid=0, exitcode=0)
        os.kill(os.getpid(), signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """,
        instrument=False,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        **NEVER,
    )
    receiver.wait_for(lambda: receiver.spans("first") and receiver.total("app.tasks") == 1, "the first task")
    process.send_signal(signal.SIGUSR1)
    output, errors = process.communicate(timeout=WAIT_S)
    assert output == f"{-signal.SIGKILL}\n", errors
    assert ([span.name for span in receiver.spans()], receiver.total("app.tasks")) == (["first", "last"], 2)


def test_a_child_without_telemetry_ends_at_once() -> None:
    class Provider:
        ended = 0

        def force_flush(self, timeout_millis: int = 0) -> bool:
            self.ended += 1
            return True

        def shutdown(self) -> None:
            self.ended += 1

    provider = Provider()
    lifecycle = _lifecycle.Lifecycle({"traces": provider}, [], Health(), WAIT_S)
    lifecycle.renew()
    lifecycle.end_of_task(wait=True)
    lifecycle.end_of_process(final=True)
    assert provider.ended == 0


SERVER = """
    import os, time
    import otelgate
    otelgate.init()
    from opentelemetry import metrics, trace
    tracer = trace.get_tracer("app")
    counter = metrics.get_meter("app").create_counter("app.tasks")

    def work(name):
        tracer.start_span(name).end()
        counter.add(1)

    def wsgi(environ, start_response):
        work("request")
        if environ["PATH_INFO"] == "/hang":
            time.sleep(600)
        start_response("200 OK", [])
        return [b"done"]

    async def asgi(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            work("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
            return
        work("request")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
"""


@pytest.fixture
def serve(programs: Programs, receiver: Receiver) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start a server with two ways to say the port, and wait for its first answer."""
    started: list[subprocess.Popen[str]] = []

    def serve(*command: str) -> tuple[subprocess.Popen[str], str]:
        app = programs.write(SERVER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        address = [part.format(app=app.stem, port=port) for part in command]
        environment = programs.environment(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **NEVER)
        process = subprocess.Popen(
            [sys.executable, "-m", *address], cwd=app.parent, env=environment, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process, f"http://127.0.0.1:{port}"

    yield serve
    for process in started:
        process.kill()
        process.communicate()


def ask(url: str) -> None:
    """Until there is an answer."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
                assert answer.read() == b"done"
            return
        except OSError:  # not started, or a worker that ends
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_hanging_gunicorn_worker_sends_finished_spans(
    serve: Callable[..., tuple[subprocess.Popen[str], str]], receiver: Receiver
) -> None:
    """gunicorn aborts it after its time-out."""
    process, url = serve("gunicorn", "--workers", "1", "--timeout", "2", "--bind", "127.0.0.1:{port}", "{app}:wsgi")
    ask(url)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(f"{url}/hang", timeout=WAIT_S)
    receiver.wait_for(lambda: len(receiver.spans("request")) == 2 and receiver.total("app.tasks") == 2, "both requests")
    process.terminate()
    process.communicate(timeout=WAIT_S)


def test_uvicorn_workers_send_what_finished_while_they_end(
    serve: Callable[..., tuple[subprocess.Popen[str], str]], receiver: Receiver
) -> None:
    process, url = serve("uvicorn", "--workers", "2", "--port", "{port}", "{app}:asgi")
    for _ in range(4):
        ask(url)
    process.terminate()
    process.communicate(timeout=WAIT_S)
    assert Counter(span.name for span in receiver.spans()) == {"request": 4, "shutdown": 2}
    assert receiver.total("app.tasks") == 6


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "--workers", "1", "--max-requests", "2", "--bind", "127.0.0.1:{port}", "{app}:wsgi"),
        ("uvicorn", "--workers", "2", "--limit-max-requests", "2", "--port", "{port}", "{app}:asgi"),
    ],
    ids=["gunicorn", "uvicorn"],
)
def test_recycled_workers_send_what_finished(
    serve: Callable[..., tuple[subprocess.Popen[str], str]], receiver: Receiver, command: tuple[str, ...]
) -> None:
    process, url = serve(*command)
    asked = 0
    while asked < 500 and len({span.resource["service.instance.id"] for span in receiver.spans()}) < 3:
        ask(url)
        asked += 1
    process.terminate()
    process.communicate(timeout=WAIT_S)
    assert len({span.resource["service.instance.id"] for span in receiver.spans()}) >= 3
    assert len(receiver.spans("request")) == asked
    assert receiver.total("app.tasks") == len(receiver.spans())
