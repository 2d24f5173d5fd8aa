"""`make example`: runs an example's application and its users against the running stack.

    python -m examples.common.run estate_bot --seconds 60 --fault model_errors --history 7d

The application gets what a user would set for his own: the standard OTEL_* variables and the others of README.md.
Message content is captured, and goes to the audit store alone.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otelgate_stack import examples as stack

from . import traffic

ENVIRONMENT = "demo"
ROOT = Path(__file__).resolve().parents[2]

_SWITCHES = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",  # else FastAPI measures in milliseconds, under another name
    "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "/health",  # probes are not traffic
}


@contextmanager
def environment(settings: stack.Settings, example: traffic.Example) -> Iterator[dict[str, str]]:
    """This process's environment and what the application needs; of OTEL_* and OTELGATE_*, the SDK's time to end."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name == "OTELGATE_EXIT_TIMEOUT" or not name.startswith(("OTEL_", "OTELGATE_"))
    }
    own = {
        "OTEL_SERVICE_NAME": example.service,
        "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment.name={ENVIRONMENT},service.version={example.version}",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "sdk"))),
    }
    with stack.surroundings(settings, database_name=example.database, redis=example.redis) as given:
        yield {**clean, **_SWITCHES, **own, **given}


def main() -> int:
    """Exit status: that of the application; 1 where the stack is not there, 2 for a bad argument."""
    parser = argparse.ArgumentParser(prog="python -m examples.common.run", description=__doc__.splitlines()[0])
    traffic.add_arguments(parser)
    parser.add_argument("--history", metavar="DAYS", help="load so many days of history first, for instance 7d")
    options = parser.parse_args()
    try:
        settings = stack.load()
        example = traffic.load(options.app)
        stack.prepare(settings)
        if options.history:
            from . import history

            number = history.days(options.history)
            with stack.find(settings) as stores:
                history.load(stores, example, number, environment=ENVIRONMENT, seed=options.seed)
        command = [_instrument(), sys.executable, "-m", "examples.common.traffic", *_without_history(sys.argv[1:])]
        with environment(settings, example) as variables:
            return subprocess.run(command, env=variables, cwd=ROOT).returncode
    except (stack.StackError, stack.StoreError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    except KeyboardInterrupt:
        return 130


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
