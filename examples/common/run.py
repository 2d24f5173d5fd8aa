"""`make example`: runs an example's application and its users against the running stack.

    python -m examples.common.run estate_bot --seconds 60 --fault model_errors --history 7d

The application gets what a user would set for his own: the standard OTEL_* variables, found through the stack's
settings, with either engine. Message content is captured, and goes to the audit store alone.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import httpx
from otelgate_stack import settings as stack_settings
from otelgate_stack import state, target
from otelgate_stack.clients import StoreError
from otelgate_stack.config import example_files
from otelgate_stack.engines import docker_client
from otelgate_stack.engines.stack import choose
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from otelgate_stack.settings import Settings

from . import traffic

ENVIRONMENT = "demo"
ROOT = Path(__file__).resolve().parents[2]

_SWITCHES = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",  # else FastAPI measures in milliseconds, under another name
    "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "/health",  # probes are not traffic
}


def environment(settings: Settings, example: traffic.Example) -> dict[str, str]:
    """This process's environment and what the application needs; of OTEL_* and OTELGATE_*, the SDK's time to end."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name == "OTELGATE_EXIT_TIMEOUT" or not name.startswith(("OTEL_", "OTELGATE_"))
    }
    rooms = [str(settings.root), *(str(settings.root / room) for room in ("sdk", "compose", "audit"))]
    own = {
        "OTEL_SERVICE_NAME": example.service,
        "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment.name={ENVIRONMENT},service.version={example.version}",
        "PYTHONPATH": os.pathsep.join(rooms),
        "EXAMPLE_PROBES_DIR": str(settings.state_dir / "probes"),
        # For applications whose pages show thumbs: where votes go, and what signs the tokens.
        "FEEDBACK_URL": f"http://127.0.0.1:{settings.feedback_port}",
    }
    if settings.state_dir.is_dir():  # what an application that is killed leaves goes with `make clean`
        state.make_folder(settings.state_dir / "tmp")
        own["TMPDIR"] = str(settings.state_dir / "tmp")
    if address := _seen_by_containers(settings):
        own["EXAMPLE_HOST"] = address
    if settings.feedback_secret_file and settings.feedback_secret_file.exists():
        own["OTELGATE_FEEDBACK_SECRET_FILE"] = str(settings.feedback_secret_file)
    if example.database:
        from .database import ensure

        own["DATABASE_URL"] = ensure(settings, example.database)
    return {**clean, **_SWITCHES, **own, **target.find(settings).environment()}


def main() -> int:
    """Exit status: that of the application; 1 where the stack is not there, 2 for a bad argument."""
    parser = argparse.ArgumentParser(prog="python -m examples.common.run", description=__doc__.splitlines()[0])
    traffic.add_arguments(parser)
    parser.add_argument("--history", metavar="DAYS", help="load so many days of history first, for instance 7d")
    options = parser.parse_args()
    try:
        settings = stack_settings.load()
        example = traffic.load(options.app)
        _must_answer(settings)
        _install(settings)
        if options.history:
            from . import history

            number = history.days(options.history)
            history.load(settings, example, number, environment=ENVIRONMENT, seed=options.seed)
        command = [_instrument(), sys.executable, "-m", "examples.common.traffic", *_without_history(sys.argv[1:])]
        return subprocess.run(command, env=environment(settings, example), cwd=ROOT).returncode
    except (StackError, StoreError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    except KeyboardInterrupt:
        return 130


def _seen_by_containers(settings: Settings) -> str | None:
    """The address on which a prober in a container reaches the application; None: its loopback is enough."""
    if state.active_engine(settings) != "docker":
        return None
    with docker_client.connect() as client:
        return docker_client.bridge_address(client)


def _must_answer(settings: Settings) -> None:
    url = f"http://127.0.0.1:{settings.health_port}/"
    try:
        httpx.get(url, timeout=5, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise StackError(f"the gateway does not answer at {url}: `make up` starts the stack") from error


def _install(settings: Settings) -> None:
    """The examples' own dashboards and alerts: only those who run an example have them."""
    if example_files.install(settings):
        engine, _ = choose(settings, Report(sys.stderr))
        engine.reload("prometheus")


def _without_history(arguments: list[str]) -> list[str]:
    found, skip = [], False
    for word in arguments:
        if skip or word.startswith("--history="):
            skip = False
        elif word == "--history":
            skip = True
        else:
            found.append(word)
    return found


def _instrument() -> str:
    """`opentelemetry-instrument` of this very Python environment."""
    return str(Path(sys.executable).with_name("opentelemetry-instrument"))


if __name__ == "__main__":
    sys.exit(main())
