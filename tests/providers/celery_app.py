"""A Celery application with tasks that count themselves; run as a program, it queues some."""

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path

import celery
import otelgate
from opentelemetry import metrics, trace

STACKS = signal.SIGRTMIN + 5
faulthandler.register(STACKS, all_threads=True)  # so that a test can see where a process stands
otelgate.init()  # which changes nothing under opentelemetry-instrument

FOLDER = Path(os.environ["TEST_FOLDER"])
HARD_LIMIT_S = 1

app = celery.Celery("celery_app", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(FOLDER / "queue"),
    "data_folder_out": str(FOLDER / "queue"),
    "control_folder": str(FOLDER / "control"),
}
app.conf.task_ignore_result = True
tracer = trace.get_tracer("app")
counter = metrics.get_meter("app").create_counter("app.tasks")


@app.task
def work(number: int) -> None:
    with tracer.start_as_current_span(f"work {number}"):
        counter.add(1)


@app.task(time_limit=HARD_LIMIT_S)
def hang() -> None:
    with tracer.start_as_current_span("hang"):
        time.sleep(600)


if __name__ == "__main__":
    works, hangs = map(int, sys.argv[1:])
    for number in range(works):
        if number < hangs:
            hang.delay()
        work.delay(number)
