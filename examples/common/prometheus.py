"""The past for Prometheus: blocks, by promtool, up to three hours ago; remote write for what is younger.

Blocks must not reach into the time that Prometheus still holds in memory: after a restart it would forget its own
samples from then. So the last three hours are written as the gateway writes them, which the configured
out_of_order_time_window lets in.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from otelgate_stack.examples import Stores

from .series import Series, on_grid

BLOCK_S = 18 * 3600
"""A file, and a block, for each such span since 1970: one of the sizes into which Prometheus compacts."""
HEAD_S = 3 * 3600
_SERIES_A_REQUEST = 400
_LITERAL = 65_536


def write_files(
    all_series: Sequence[Series], points: list[int], until: float, folder: Path, said: Callable[[int], None]
) -> list[Path]:
    """OpenMetrics text of the points before `until` for promtool, a file for each block.

    `said` gets the number of finished series.
    """
    starts = sorted({at - at % BLOCK_S for at in points if at < until})
    paths = [folder / f"{start}.om" for start in starts]
    files: dict[int, IO[str]] = {start: path.open("w") for start, path in zip(starts, paths, strict=True)}
    try:
        for number, series in enumerate(all_series):
            said(number)
            name, labels = _text(series)
            block, lines = -1, []
            for at, value in on_grid(series, points):
                if at >= until:
                    break
                if at - at % BLOCK_S != block:
                    if lines:
                        files[block].writelines(lines)
                    block, lines = at - at % BLOCK_S, []
                lines.append(f"{name}{labels} {value:.17g} {at}\n")
            if lines:
                files[block].writelines(lines)
    finally:
        for file in files.values():
            file.write("# EOF\n")
            file.close()
    return [path for path in paths if path.stat().st_size > len("# EOF\n")]


def remote_write(
    stores: Stores, all_series: Sequence[Series], points: list[int], since: float, said: Callable[[int], None]
) -> None:
    """Send the points from `since` on to Prometheus' remote-write receiver. Raises StoreError with what it answered."""
    # https://prometheus.io/docs/specs/prw/remote_write_spec/
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    for first in range(0, len(all_series), _SERIES_A_REQUEST):
        said(first)
        some = all_series[first : first + _SERIES_A_REQUEST]
        body = b"".join(_timeseries(series, points, since) for series in some)
        stores.prometheus.post("/api/v1/write", _snappy(body), headers)


def _text(series: Series) -> tuple[str, str]:
    labels = dict(series.labels)
    name = labels.pop("__name__")
    pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return name, "{" + pairs + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _timeseries(series: Series, points: list[int], since: float) -> bytes:
    samples = b"".join(
        _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at * 1000))
        for at, value in on_grid(series, points)
        if at >= since
    )
    if not samples:
        return b""
    labels = (_field(1, _field(1, key.encode()) + _field(2, value.encode())) for key, value in series.labels)
    return _field(1, b"".join(labels) + samples)


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    return bytes(_septets(number))


def _septets(number: int) -> Iterator[int]:
    while number > 127:
        yield number & 127 | 128
        number >>= 7
    yield number


def _snappy(content: bytes) -> bytes:
    """Snappy's block format without compressing anything: literals of at most 64 KiB."""
    # https://github.com/google/snappy/blob/main/format_description.txt
    pieces = [content[start : start + _LITERAL] for start in range(0, len(content), _LITERAL)]
    literals = (bytes((61 << 2,)) + struct.pack("<H", len(piece) - 1) + piece for piece in pieces)
    return _varint(len(content)) + b"".join(literals)
