"""Reads the gateway's remote writes without a Prometheus."""

import struct
from collections.abc import Iterator

import pyarrow


def unpacked(body: bytes) -> bytes:
    """The protobuf of a remote write: snappy has its length in front."""
    size, _ = _varint(body, 0)
    found: bytes = pyarrow.decompress(body, decompressed_size=size, codec="snappy", asbytes=True)
    return found


def totals(written: bytes, metric: str) -> Iterator[tuple[bytes, float]]:
    """The samples of a metric in a remote write (1.0): what names their series, and their values."""
    name = metric.encode()
    for number, series in _fields(written):
        if number != 1 or name not in series:
            continue
        labels = b"".join(part for field, part in _fields(series) if field == 1)
        for field, sample in _fields(series):
            if field == 2:
                values = [struct.unpack("<d", part)[0] for place, part in _fields(sample) if place == 1]
                yield labels, values[0] if values else 0.0


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each field that has bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        size = 8
        match tag & 7:
            case 0:
                _, at = _varint(message, at)
                continue
            case 2:
                size, at = _varint(message, at)
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number there, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at
