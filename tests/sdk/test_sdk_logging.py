"""The application's own logging does the same with and without telemetry."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from otlp_receiver import Receiver
from programs import Result

Run = Callable[..., Result]

PROGRAMS = {
    "nothing configured": "logging.getLogger('a').warning('hello'); logging.getLogger('a').info('unseen')",
    "module functions": "logging.warning('hello'); logging.info('unseen')",
    "basicConfig": "logging.basicConfig(level='INFO', format='%(levelname)s|%(message)s'); logging.info('hello')",
    "basicConfig twice": """
    logging.basicConfig(format='1 %(message)s')
    logging.basicConfig(format='2 %(message)s')
    logging.warning('hello')
    """,
    "force": """
    logging.basicConfig(format='1 %(message)s')
    logging.basicConfig(format='2 %(message)s', force=True)
    logging.warning('hello')
    """,
    "dictConfig": """
    import logging.config
    logging.config.dictConfig({"version": 1, "handlers": {"h": {"class": "logging.StreamHandler"}},
        "root": {"level": "DEBUG", "handlers": ["h"]}})
    logging.getLogger("a").debug("hello")
    """,
    "root handlers": "root = logging.getLogger(); print(root.handlers, root.level, root.hasHandlers())",
    "exception": """
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("hello")
    """,
    "no propagation": "logging.getLogger('a').propagate = False; logging.getLogger('a').warning('hello')",
    "clearing the root's handlers": """
    logging.getLogger().handlers.clear()
    logging.warning("hello")
    """,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_output_is_the_same(run: Run, receiver: Receiver, program: str) -> None:
    source = "    import logging\n    " + program.strip() + "\n"
    bare = run(source, instrument=False)
    result = run(source)
    assert (result.status, result.stdout) == (bare.status, bare.stdout)
    assert [line for line in result.stderr.splitlines() if "File" not in line] == [
        line for line in bare.stderr.splitlines() if "File" not in line
    ]
    bodies = [record.name for record in receiver.logs()]
    assert bodies == ([] if program in (PROGRAMS["root handlers"], PROGRAMS["no propagation"]) else ["hello"])


def test_levels_and_attributes(run: Run, receiver: Receiver) -> None:
    result = run(
        """
        import logging
        logger = logging.getLogger("app")
        logger.setLevel("DEBUG")
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(logger, level)("to %s", level, extra={"order": 7})
        """,
        OTEL_PYTHON_LOG_HANDLER_LEVEL="info",
    )
    assert result.status == 0
    assert [(record.name, record.raw.severity_text) for record in receiver.logs()] == [
        ("to info", "INFO"),
        ("to warning", "WARN"),
        ("to error", "ERROR"),
        ("to critical", "FATAL"),
    ]
    assert {record.attributes["order"] for record in receiver.logs()} == {7}


def test_log_export_can_be_switched_off(run: Run, receiver: Receiver) -> None:
    result = run("import logging; logging.warning('hello')", OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION="false")
    assert (result.status, result.stderr) == (0, "WARNING:root:hello\n")
    assert receiver.logs() == []
