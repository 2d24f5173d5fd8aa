"""`otelgate-audit export`: turns with their tool calls and votes, to a file or a pipe, of any size.

They are one snapshot of the database, read through a server-side cursor: memory does not grow with their number.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, Final

import click
import psycopg
from tqdm import tqdm

from .. import command_line
from ..model import database, pseudonyms
from ..settings import Settings
from . import rows
from .formats import FORMATS, Format
from .rows import Selection

OPTIONS: Final = [
    click.Option(
        ["--from", "start"], type=command_line.time, metavar="TIME", help="that started at this time or later"
    ),
    click.Option(["--to", "end"], type=command_line.time, metavar="TIME", help="that started before this time"),
    click.Option(["--service"], help="of this application, its service.name"),
    click.Option(["--user"], metavar="ID", help="of this user"),
    click.Option(
        ["--format"], type=click.Choice(list(FORMATS)), default="jsonl", show_default=True, help="form of the file"
    ),
    click.Option(
        ["--output"], type=command_line.PATH, metavar="FILE", help="a file, there only when complete; default: stdout"
    ),
    command_line.flag("--no-content", text="without what was said: numbers, names and ids only"),
]


def run(settings: Settings, options: SimpleNamespace) -> int:
    """Exit code 0, also for no turn; 1 if the read or write failed; 2 for bad options."""
    if problem := _problem(options):
        print(problem, file=sys.stderr)
        return 2
    # As an exit, so that an unfinished file is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    stored = tuple(pseudonyms.patterns(settings.pseudonym_key, options.user)) if options.user else ()
    selection = Selection(options.start, options.end, options.service, options.user, stored, not options.no_content)
    password = settings.database_password
    try:
        with (
            database.connect(settings.database_url, name="export", password=password) as connection,
            _destination(options.output) as file,
        ):
            database.require_schema(connection)
            connection.rollback()
            number = write(connection, selection, FORMATS[options.format](file, content=selection.content))
    except psycopg.errors.InsufficientPrivilege as error:
        print(f"database: {str(error).partition(chr(10))[0]}; --no-content needs no schema content", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        if not options.output:  # flushing the rest of its buffer would fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"{options.output or 'stdout'}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{number:,} turns{f' in {options.output}' if options.output else ''}", file=sys.stderr)
    return 0


def write(connection: psycopg.Connection[Any], selection: Selection, form: Format) -> int:
    """Write the selected turns of one snapshot; returns their number. No transaction may be open."""
    number = 0
    visible = sys.stderr.isatty()
    with rows.snapshot(connection):
        total = rows.count(connection, selection) if visible else None
        with tqdm(total=total, unit=" turns", unit_scale=True, disable=not visible) as progress:
            for batch in rows.batches(connection, selection):
                form.write(batch)
                number += len(batch)
                progress.update(len(batch))
        form.close()
    return number


def _problem(options: SimpleNamespace) -> str:
    """The error in the combination of options; empty if there is none."""
    if options.start and options.end and options.start >= options.end:
        return f"--to '{options.end:%Y-%m-%dT%H:%M:%SZ}': expected a time after --from"
    output: Path | None = options.output
    if output is None:
        return "--format parquet: expected --output, it can't be streamed" if options.format == "parquet" else ""
    if not output.parent.is_dir():
        return f"--output '{output}': expected a folder that exists"
    if output.exists() and not output.is_file():
        return f"--output '{output}': expected a file"
    return ""


@contextmanager
def _destination(output: Path | None) -> Iterator[BinaryIO]:
    """Stdout, or a file that gets its name once complete; only its owner can read it."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    handle, part = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        os.replace(part, output)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
