"""`otelgate-audit export`: the same turns in three formats, whole or not at all, in constant memory."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from otelgate_audit import cli
from otelgate_audit.export import command as export_command
from otelgate_audit.export import formats
from otelgate_audit.export import rows as export_rows
from otelgate_audit.model.records import Record, Text
from psycopg import sql
from pyarrow import parquet
from turn_data import filling

from ..records import DAY, NOW, feedback, model_call, run, tool_call

HOUR = 3_600_000_000
FIRST, SECOND, THIRD = "1" * 32, "2" * 32, "3" * 32
FORMULA = '=HYPERLINK("http://evil.example")'
LATE = {"status": "error", "error_type": "Timeout"}

Export = Callable[..., Any]


def said(record: Record, question: str | None = None, reply: str | None = None, error: str | None = None) -> Any:
    name = getattr(record, "span_id", None) or record.uid  # type: ignore[union-attr]
    return record, Text(record.start_time, record.trace_id or "", name, question, reply, error)


def turns() -> list[list[Any]]:
    """Ann's of two days with tools and votes, and one of bob's, of another service, with nothing."""
    ann = {"trace_id": FIRST, "user_id": "ann", "session_id": "s1", "agent": "clerk", "tier": "pro"}
    first = [
        said(run("a" * 16, NOW, **ann, duration_us=2_000_000), "Where is my order?", "It is 冬 on its way."),
        model_call("b" * 16, NOW + 10, **ann, cost_pico=1),
        said(tool_call("c" * 16, NOW + 20, **ann, tool="find"), '{"id": 7}', "found"),
        said(tool_call("d" * 16, NOW + 30, **ann, tool="track", **LATE), "{}", None, "late"),
        tool_call("e" * 16, NOW + 40, **ann, tool="track", duplicate_of="d" * 16),
        said(feedback("u1", NOW + HOUR, trace_id=FIRST, user_id="ann", rating="negative", score=2), "Too slow."),
        said(feedback("u2", NOW + 2 * HOUR, trace_id=FIRST, user_id="ann", rating="positive"), "Better."),
    ]  # fmt: skip
    second = [
        said(run("a" * 16, NOW + DAY, trace_id=SECOND, user_id="ann", agent=FORMULA), FORMULA, '"quoted", and\nmore'),
        # It began two days before the run that leads.
        tool_call("f" * 16, NOW - DAY, trace_id=SECOND, tool="warm-up"),
    ]
    third = [run("a" * 16, NOW + DAY + HOUR, trace_id=THIRD, user_id="bob", service="shop")]
    return [
        [each if isinstance(each, tuple) and len(each) == 2 else (each, None) for each in talk]
        for talk in (first, second, third)
    ]


@pytest.fixture
def stored(database: str) -> str:
    with psycopg.connect(database) as connection:
        filling.write(connection, turns(), [])
    return database


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Export:
    """Run the command; returns its exit code, stdout and stderr."""
    for name in list(os.environ):
        if name.startswith("OTELGATE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTELGATE_DATABASE_URL", "postgresql://otelgate@127.0.0.1:1/otelgate")
    monkeypatch.setattr(export_command.signal, "signal", lambda *_: None)

    def command(*arguments: str) -> tuple[int, bytes, str]:
        code = cli.main(["export", *arguments])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return command


@pytest.fixture
def run_export(stored: str, command: Export, monkeypatch: pytest.MonkeyPatch) -> Export:
    """The command on the stored turns."""
    monkeypatch.setenv("OTELGATE_DATABASE_URL", stored)
    return command


def lines(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in raw.splitlines()]


def test_json_lines(run_export: Export) -> None:
    code, out, err = run_export("--service", "travel", "--user", "ann", "--to", "2026-11-21")
    assert (code, err) == (0, "1 turns\n")
    (found,) = lines(out)
    assert found == {
        "trace_id": FIRST,
        "started_at": "2026-11-20T18:40:00.000000Z",
        "ended_at": "2026-11-20T18:40:02.000000Z",
        "service": "travel",
        "environment": "production",
        "agent": "clerk",
        "route": ["clerk"],
        "session_id": "s1",
        "user_id": "ann",
        "tier": "pro",
        "feature": None,
        "status": "ok",
        "cancelled": False,
        "error_type": None,
        "latency_us": 2_000_000,
        "ttft_us": None,
        "runs": 1,
        "model_calls": 1,
        "tool_calls": 2,
        "tool_errors": 1,
        "input_tokens": 100,
        "output_tokens": 20,
        "cache_read_tokens": 0,
        "cache_creation_tokens": 0,
        "reasoning_tokens": 0,
        "cost_usd": "0.000000000001",
        "unpriced_calls": 0,
        "price_version": "2026-11-01",
        "models": ["gpt-4.1-mini-2025-04-14"],
        "confidence": None,
        "relevance": None,
        "rating": "positive",
        "rating_score": None,
        "user_message": "Where is my order?",
        "reply": "It is 冬 on its way.",
        "tools": [
            {
                "start_time": "2026-11-20T18:40:00.000020Z", "span_id": "c" * 16, "tool": "find", "call_id": None,
                "agent": "clerk", "duration_us": 1000, "status": "ok", "cancelled": False, "error_type": None,
                "arguments": '{"id": 7}', "result": "found", "error_message": None,
            },
            {
                "start_time": "2026-11-20T18:40:00.000030Z", "span_id": "d" * 16, "tool": "track", "call_id": None,
                "agent": "clerk", "duration_us": 1000, "status": "error", "cancelled": False, "error_type": "Timeout",
                "arguments": "{}", "result": None, "error_message": "late",
            },
        ],
        "feedback": [
            {
                "start_time": "2026-11-20T19:40:00.000000Z", "uid": "u1", "user_id": "ann", "rating": "negative",
                "score": 2, "comment": "Too slow.",
            },
            {
                "start_time": "2026-11-20T20:40:00.000000Z", "uid": "u2", "user_id": "ann", "rating": "positive",
                "score": None, "comment": "Better.",
            },
        ],
    }  # fmt: skip


def test_export_writes_same_rows_in_every_format(run_export: Export, tmp_path: Path) -> None:
    """Parquet has times and decimals of its own; CSV its cells as text."""
    jsonl = lines(run_export()[1])
    assert [row["trace_id"] for row in jsonl] == [FIRST, SECOND, THIRD]

    file = tmp_path / "all.parquet"
    assert run_export("--format", "parquet", "--output", str(file)) == (0, b"", f"3 turns in {file}\n")
    table = parquet.read_table(file)
    assert str(table.schema.field("started_at").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("cost_usd").type) == "decimal128(38, 12)"
    rows = table.to_pylist()
    assert rows[0]["cost_usd"] == Decimal("0.000000000001")
    costs = [row.pop("cost_usd") for row in rows]
    assert formats.plain(rows) == [{k: v for k, v in row.items() if k != "cost_usd"} for row in jsonl]
    assert costs == [Decimal(row["cost_usd"]) for row in jsonl]

    cells = list(csv.DictReader(io.StringIO(run_export("--format", "csv")[1].decode(), newline="")))
    for cell, row in zip(cells, jsonl, strict=True):
        assert json.loads(cell.pop("tools")) == row["tools"]
        assert json.loads(cell.pop("feedback")) == row["feedback"]
        assert cell.pop("tool_names") == "; ".join(call["tool"] for call in row["tools"])
        assert cell.pop("comments") == "\n\n".join(vote["comment"] for vote in row["feedback"])
        flat = {name: "; ".join(v) if isinstance(v, list) else v for name, v in row.items() if name in cell}
        assert {name: text.removeprefix("'") for name, text in cell.items()} == {
            name: "" if value is None else str(value) for name, value in flat.items()
        }


def test_csv_export_escapes_formulas(run_export: Export) -> None:
    row = list(csv.DictReader(io.StringIO(run_export("--format", "csv")[1].decode(), newline="")))[1]
    assert (row["agent"], row["route"], row["user_message"]) == (f"'{FORMULA}",) * 3
    assert row["reply"] == '"quoted", and\nmore'
    for text in ("=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1"):
        assert formats._cell(text) == f"'{text}"
        assert formats._cell([text, "b"]) == f"'{text}; b"
    assert [formats._cell(value) for value in (-1, -0.5, None, "1-2")] == [-1, -0.5, None, "1-2"]


def test_without_content_nothing_is_read_of_it(
    stored: str, run_export: Export, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a role that may not see any."""
    with psycopg.connect(stored) as connection:
        name = sql.Identifier("export_" + connection.info.dbname)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        connection.execute(sql.SQL("GRANT otelgate_reader TO {}").format(name))
    monkeypatch.setenv("OTELGATE_DATABASE_URL", stored.replace("otelgate@", f"{name.as_string().strip(chr(34))}@", 1))
    file = tmp_path / "all.parquet"
    outs = [run_export("--no-content"), run_export("--no-content", "--format", "csv")]
    outs.append(run_export("--no-content", "--format", "parquet", "--output", str(file)))
    assert [code for code, _, _ in outs] == [0, 0, 0]
    written = outs[0][1].decode() + outs[1][1].decode() + str(parquet.read_table(file).to_pylist())
    for words in ("order", "quoted", "Better", "user_message", "reply", "comment", "arguments", "result"):
        assert words not in written
    code, out, err = run_export()
    assert (code, out) == (1, b"")
    assert err == "database: permission denied for schema content; --no-content needs no schema content\n"
    with psycopg.connect(stored) as connection:
        connection.execute(sql.SQL("REVOKE otelgate_reader FROM {0}; DROP ROLE {0}").format(name))


def test_export_selects_by_options(run_export: Export) -> None:
    for arguments, expected in (
        ([], [FIRST, SECOND, THIRD]),
        (["--service", "shop"], [THIRD]),
        (["--user", "ann"], [FIRST, SECOND]),
        (["--user", "ann", "--service", "shop"], []),
        (["--from", "2026-11-20T18:40Z", "--to", "2026-11-21T18:40Z"], [FIRST]),
        (["--from", "2026-11-20T18:40:00.000001Z"], [SECOND, THIRD]),
        (["--from", "2026-11-21T19:40+01:00", "--to", "2026-11-21T20:00"], [SECOND, THIRD]),
        (["--user", "' OR true --"], []),
    ):
        code, out, err = run_export(*arguments)
        assert (code, [row["trace_id"] for row in lines(out)]) == (0, expected), arguments
        assert err == f"{len(expected)} turns\n"


def test_export_has_tool_call_from_long_before(run_export: Export) -> None:
    (found,) = lines(run_export("--from", "2026-11-21", "--user", "ann")[1])
    assert [(call["tool"], call["start_time"]) for call in found["tools"]] == [
        ("warm-up", "2026-11-19T18:40:00.000000Z")
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "parquet"], "--format parquet: expected --output, it can't be streamed"),
        (["--output", "/nowhere/x"], "--output '/nowhere/x': expected a folder that exists"),
        (["--output", "/dev/null"], "--output '/dev/null': expected a file"),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "--to '2026-01-01T00:00:00Z': expected a time after --from"),
    ],
)
def test_options_that_are_wrong(command: Export, arguments: list[str], message: str) -> None:
    assert command(*arguments) == (2, b"", f"{message}\n")


def test_export_refuses_invalid_time(command: Export) -> None:
    expected = "'yesterday': expected a date or time such as 2026-01-31 or 2026-01-31T12:00Z"
    assert command("--from", "yesterday") == (2, b"", f"error: Invalid value for '--from': {expected}\n")


def test_export_leaves_file_complete_or_unchanged(
    run_export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.jsonl"
    file.write_text("from before")

    def breaks(*_: Any, **__: Any) -> Iterator[Any]:
        yield [{}]

    with monkeypatch.context() as patch:
        patch.setattr(export_rows, "batches", breaks)
        with pytest.raises(KeyError):
            run_export("--output", str(file))
    assert [each.name for each in tmp_path.iterdir()] == ["all.jsonl"]
    assert file.read_text() == "from before"
    assert run_export("--output", str(file))[0] == 0
    assert len(lines(file.read_bytes())) == 3
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["all.jsonl"]


def test_unavailable_database_is_named(command: Export, tmp_path: Path) -> None:
    code, out, err = command("--output", str(tmp_path / "x"))
    assert (code, out, list(tmp_path.iterdir())) == (1, b"", [])
    assert err.startswith("database: connection failed")


def test_export_names_full_disk(run_export: Export, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with open("/dev/full", "wb") as full, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", io.TextIOWrapper(full))
        code = cli.main(["export"])
    assert code == 1
    assert capfdbinary.readouterr().err == b"stdout: No space left on device\n"


def test_long_turns_come_fewer_at_a_time(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_rows, "LONG", 10)
    monkeypatch.setattr(export_rows, "_FIRST", 2)
    with psycopg.connect(stored) as connection:
        sizes = [len(rows) for rows in export_rows.batches(connection, export_rows.Selection())]
    assert sizes == [2, 1]


def test_long_turns_make_small_row_groups(run_export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "LONG_GROUP", 10)
    file = tmp_path / "all.parquet"
    assert run_export("--format", "parquet", "--output", str(file))[0] == 0
    assert parquet.ParquetFile(file).num_row_groups == 3


def make(database: str, number: int) -> None:
    """That many turns within a day, a tenth of them with a tool call, made by the database."""
    day = datetime(2026, 11, 20, tzinfo=UTC)
    tomorrow = day + timedelta(days=1)
    with psycopg.connect(database) as connection:
        for index in ("user", "session", "cost"):
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier("audit", f"turns_{index}")))
        connection.execute(
            "INSERT INTO audit.turns (trace_id, started_at, ended_at, arrived_at, updated_at, service, user_id,"
            " cost_usd, tool_calls, state) SELECT to_char(n, 'FM' || repeat('0', 32)), t, t, t, t, 'shop',"
            " 'user-' || n %% 1000, n / 1e6, (n %% 10 = 0)::int, '{}'"
            " FROM generate_series(1, %s) n, LATERAL (SELECT %s + n * interval '0.1 s') AS times (t)",
            [number, day],
        )
        connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF audit.tool_calls FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier("audit", "tool_calls_20261120"), day, tomorrow
            )
        )
        connection.execute(
            "INSERT INTO audit.tool_calls (start_time, trace_id, span_id, service, duration_us, status, tool)"
            " SELECT started_at, trace_id, 'a', service, 1, 'ok', 'find' FROM audit.turns WHERE tool_calls = 1"
        )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) audit.turns, audit.tool_calls")


@pytest.mark.parametrize("number", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_export_memory_does_not_grow_with_the_number(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    make(database, number)
    held: list[int] = []
    real = export_rows.batches

    def counted(*arguments: Any) -> Iterator[list[export_rows.Row]]:
        for rows in real(*arguments):
            held.append(len(rows))
            yield rows

    monkeypatch.setattr(export_rows, "batches", counted)
    file = tmp_path / "many.parquet"
    with psycopg.connect(database) as connection, file.open("wb") as opened:
        assert (
            export_command.write(connection, export_rows.Selection(), formats.Parquet(opened, content=True)) == number
        )
    assert (sum(held), max(held)) == (number, export_rows.BATCH)
    metadata = parquet.ParquetFile(file).metadata
    groups = [metadata.row_group(each).num_rows for each in range(metadata.num_row_groups)]
    assert (sum(groups), max(groups)) == (number, formats.ROW_GROUP)
    tools = parquet.read_table(file, columns=["tools"]).column("tools")
    assert sum(len(each) for each in tools.to_pylist()) == number // 10
