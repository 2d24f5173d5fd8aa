"""Forks: the parent has exported before, every child exports all its own spans, and none of the parent's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest
from otlp_receiver import WAIT_S, Receiver
from programs import Programs, Result

Run = Callable[..., Result]

PARENT = """
    import logging, os, signal, sys, time
    from opentelemetry import metrics, trace
    tracer = trace.get_tracer("app")
    counter = metrics.get_meter("app").create_counter("app.orders")

    def work(name, orders):
        with tracer.start_as_current_span(name):
            logging.getLogger("app").warning(name)
        counter.add(orders)

    import otelgate
    work("parent", 1)
    assert otelgate.flush(timeout_s=60)
"""


def check(receiver: Receiver, children: int) -> None:
    names = ["parent"] + [f"child {number}" for number in range(children)]
    assert sorted(span.name for span in receiver.spans()) == sorted(names)
    assert sorted(record.name for record in receiver.logs()) == sorted(names)
    instances = {span.name: span.resource["service.instance.id"] for span in receiver.spans()}
    assert len(set(instances.values())) == children + 1
    assert {record.name: record.resource["service.instance.id"] for record in receiver.logs()} == instances
    totals: dict[str, set[int]] = {}
    for point in receiver.points("app.orders"):
        totals.setdefault(point.resource["service.instance.id"], set()).add(point.raw.as_int)
    expected = {instances["parent"]: {1}}
    expected |= {instances[f"child {number}"]: {10 * (number + 1)} for number in range(children)}
    assert totals == expected


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_os_fork(programs: Programs, protocol: str) -> None:
    receiver = Receiver().start() if protocol == "grpc" else Receiver().start_http()
    result = programs.run(
        PARENT
        + """
    pids = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            work(f"child {number}", 10 * (number + 1))
            sys.exit(20 + number)
        pids.append(pid)
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids], flush=True)
    """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_RESOURCE_ATTRIBUTES="service.instance.id=mine",
    )
    receiver.stop()
    assert (result.status, result.stdout) == (0, "[20, 21, 22]\n"), result.stderr
    assert set(result.stderr.splitlines()) == {"parent", "child 0", "child 1", "child 2"}
    check(receiver, 3)
    assert {span.resource["service.instance.id"] for span in receiver.spans("parent")} == {"mine"}


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_blocking_a_signal_keeps_it_from_threads_of_the_sdk(programs: Programs, protocol: str) -> None:
    """As Celery's children do while they hold a lock: the system would give the signal to any other thread."""
    receiver = Receiver().start() if protocol == "grpc" else Receiver().start_http()
    result = programs.run(
        PARENT
        + """
    def held():
        work("held", 1)
        trace.get_tracer_provider().force_flush()
        assert otelgate.flush(timeout_s=60)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        for _ in range(20):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0)  # for a thread that takes it
            assert signal.SIGTERM in signal.sigpending()
            signal.sigwait({signal.SIGTERM})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        print(before, flush=True)

    held()
    pid = os.fork()
    if pid == 0:
        held()
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    held()
    """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
    )
    receiver.stop()
    assert (result.status, result.stdout.splitlines()) == (0, ["set()", "set()", "0", "set()"]), result.stderr


def test_a_child_inherits_no_lock_of_a_metrics_callback(run: Run) -> None:
    result = run(
        PARENT
        + """
    import threading
    lock, stop = threading.Lock(), threading.Event()

    def read(options):
        with lock:
            time.sleep(0.02)
        return []

    metrics.get_meter("app").create_observable_gauge("app.level", [read])

    def busy():
        while not stop.is_set():
            otelgate.flush()

    thread = threading.Thread(target=busy)
    thread.start()
    pids = []
    for number in range(5):
        while not lock.locked():
            time.sleep(0)
        pid = os.fork()
        if pid == 0:
            os._exit(0 if otelgate.flush(timeout_s=60) else 1)
        pids.append(pid)
    print(sum(os.waitpid(pid, 0)[1] for pid in pids))
    stop.set()
    """
    )
    assert (result.status, result.stdout) == (0, "0\n"), result.stderr


def test_children_while_the_parent_is_exporting(run: Run, receiver: Receiver) -> None:
    """Forks at any moment: the parent's threads hold locks and connections meanwhile."""
    result = run(
        PARENT
        + """
    import threading
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            with tracer.start_as_current_span("busy"):
                logging.getLogger("busy").info("busy")
            counter.add(0)
            otelgate.flush()

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    pids = []
    for number in range(12):
        pid = os.fork()
        if pid == 0:
            work(f"child {number}", 10 * (number + 1))
            os._exit(0 if otelgate.flush(timeout_s=60) else 1)
        pids.append(pid)
        time.sleep(0.02)
    print(sum(os.waitpid(pid, 0)[1] for pid in pids))
    stop.set()
    """,
        OTEL_EXPORTER_OTLP_TIMEOUT="60",  # the receiver is one process, and busy with the parent
    )
    assert (result.status, result.stdout) == (0, "0\n"), result.stderr
    names = [span.name for span in receiver.spans() if span.name != "busy"]
    assert sorted(names) == sorted(["parent"] + [f"child {number}" for number in range(12)])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_children_flush(run: Run, receiver: Receiver, method: str) -> None:
    result = run(
        f"""
    import multiprocessing
    from opentelemetry import trace

    def child():
        trace.get_tracer("app").start_span("child").end()

    if __name__ == "__main__":
        trace.get_tracer("app").start_span("parent").end()
        process = multiprocessing.get_context("{method}").Process(target=child)
        process.start()
        process.join()
        print(process.exitcode)
    """,
        OTEL_BSP_SCHEDULE_DELAY="600000",
    )
    assert (result.status, result.stdout) == (0, "0\n"), result.stderr
    assert sorted(span.name for span in receiver.spans()) == ["child", "parent"]


def test_a_child_killed_by_sigterm_flushes(run: Run, receiver: Receiver) -> None:
    result = run(
        PARENT
        + """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        work("child 0", 10)
        os.write(writer, b"x")
        time.sleep(600)
    os.read(reader, 1)
    os.kill(pid, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """,
        OTEL_BSP_SCHEDULE_DELAY="600000",
    )
    assert (result.status, result.stdout) == (0, f"{-signal.SIGTERM}\n"), result.stderr
    check(receiver, 1)


GUNICORN_APP = """
    import logging, os
    from opentelemetry import metrics, trace
    {init}
    tracer = trace.get_tracer("app")
    counter = metrics.get_meter("app").create_counter("app.orders")
    with tracer.start_as_current_span("preload"):
        logging.getLogger("app").warning("preload")
    counter.add(1)
    import otelgate
    assert otelgate.flush(timeout_s=60)

    def application(environ, start_response):
        with tracer.start_as_current_span("request"):
            logging.getLogger("app").warning("request")
        counter.add(1)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


@pytest.mark.parametrize("instrument", [True, False], ids=["opentelemetry-instrument", "init"])
def test_gunicorn_workers_after_a_preload_that_exported(
    programs: Programs, receiver: Receiver, instrument: bool
) -> None:
    app = programs.write(GUNICORN_APP.format(init="" if instrument else "import otelgate; otelgate.init()"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--bind", f"127.0.0.1:{port}"]
    if instrument:
        command = [os.path.join(os.path.dirname(sys.executable), "opentelemetry-instrument"), *command]
    process = subprocess.Popen(
        [*command, f"{app.stem}:application"],
        cwd=app.parent,
        env=programs.environment(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        booted = 0
        output = ""
        while booted < 3:
            line = process.stdout.readline()
            assert line, output
            output += line
            booted += "Booting worker" in line
        answers = [urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=WAIT_S).read() for _ in range(30)]
    finally:
        process.terminate()
        output += process.communicate(timeout=WAIT_S)[0]
    assert process.returncode == 0, output
    requests = receiver.spans("request")
    assert len(requests) == len(receiver.logs("request")) == 30, output
    workers = {span.resource["service.instance.id"] for span in requests}
    assert len(workers) == len(set(answers))
    (parent,) = {span.resource["service.instance.id"] for span in receiver.spans("preload")}
    assert parent not in workers
    totals = {}
    for point in receiver.points("app.orders"):
        totals[point.resource["service.instance.id"]] = point.raw.as_int
    assert totals.pop(parent) == 1
    assert totals.keys() == workers
    assert sum(totals.values()) == 30
