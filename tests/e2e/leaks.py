"""Secrets in every field of OTLP that can carry content, and the search for them afterwards.

    python leaks.py send http://127.0.0.1:4318 --manifest leaks.tsv     OTLP/HTTP; TOKEN=… sends a bearer token
    python leaks.py find leaks.tsv FILE…                                exit code 1 when one is in there
    python leaks.py write FOLDER                                         as files, for collector/redact's tests

The fields are not listed here but found by walking the protobuf descriptors, so a field that OTLP gains is seeded as
soon as opentelemetry-proto has it. Left out are ids (`IDS`), numbers and enums. Each secret is in one field only, and
a leak names that field. Two forms: `token`, one random word, and `prose`, a sentence of random words, any of which
counts.
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import leak_names
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS: Mapping[str, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
FORMS = ("token", "prose")
IDS = frozenset(("trace_id", "span_id", "parent_span_id"))

APART = {"KeyValue": "key", "Metric": "name"}
"""Fields with which the whole message goes: they are seeded separately, so that they do not hide the others."""

MAX_DEPTH = 2
"""How deep values are nested in values: arrays and maps of the plain kinds, and once more of each other."""


@dataclass(frozen=True)
class Leak:
    """A secret: the field that carries it, and the words by which it is known."""

    path: str
    words: tuple[str, ...]


@dataclass
class Seeder:
    """Makes secrets, the same ones for the same seed, and notes where they go."""

    form: str = "token"
    seed: int = 0
    now_ns: int = 0
    leaks: list[Leak] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed}/{self.form}")
        self._ids = 0
        self._words: set[str] = set()

    def secret(self, path: str) -> str:
        if self.form == "token":
            # Letters and digits only, so that it survives what stores do to names.
            text = "zq" + "".join(self._random.choices("abcdefghijkmnpqrstuvwxyz", k=10) + self._digits(10))
            words: tuple[str, ...] = (text,)
        else:
            words = tuple(self._word() for _ in range(3))
            text = f"please tell {words[0]} that {words[1]} owes her {words[2]}"
        self.leaks.append(Leak(path, words))
        return text

    def _digits(self, count: int) -> list[str]:
        return self._random.choices("23456789", k=count)

    def _word(self) -> str:
        """One that no other secret has: among thousands, two would now and then be the same."""
        while (word := "".join(map(self._random.choice, ("bdfgklmnprstvz", "aeiou") * 5))) in self._words:
            continue
        self._words.add(word)
        return word

    def identifier(self, size: int) -> bytes:
        self._ids += 1
        return (self._random.getrandbits(8 * size - 16) << 16 | self._ids).to_bytes(size, "big")

    def frame(self, message: Any) -> Message:
        """Give a message what a receiver asks of it: ids, times, counts that agree."""
        for part in message.DESCRIPTOR.fields:
            if part.name in IDS and part.name != "parent_span_id":
                setattr(message, part.name, self.identifier(16 if part.name == "trace_id" else 8))
            elif part.name.endswith("time_unix_nano"):
                setattr(message, part.name, self.now_ns - (1_000_000 if part.name.startswith("start") else 0))
            elif part.name == "aggregation_temporality":
                setattr(message, part.name, 2)
            elif part.name == "as_double" and message.WhichOneof("value") is None:
                message.as_double = 1.0
        match message.DESCRIPTOR.name:
            case "HistogramDataPoint":
                message.MergeFrom(type(message)(count=1, sum=1.0, bucket_counts=[1, 0], explicit_bounds=[5.0]))
            case "ExponentialHistogramDataPoint":
                message.MergeFrom(type(message)(count=1, sum=1.0, zero_count=1))
            case "SummaryDataPoint":
                message.MergeFrom(type(message)(count=1, sum=1.0))
            case "KeyValue" if not message.key:
                self._ids += 1
                message.key = f"leak.k{self._ids}"
            case "Metric" if not message.name:
                self._ids += 1
                message.name = f"leak.m{self._ids}"
            case "LogRecord":
                message.severity_number = 9
        return message

    def fill(self, kind: Descriptor, path: str, depth: int = 0) -> list[Message]:
        """Messages of one kind that together have a secret in every field; several where fields exclude each other."""
        if kind.name == "AnyValue":
            depth += 1
        apart = APART.get(kind.name)
        base = GetMessageClass(kind)()
        more: list[Message] = []
        if apart:
            more.append(GetMessageClass(kind)(**{apart: self.secret(f"{path}.{apart}")}))
        for part in kind.fields:
            if part.name in IDS or part.name == apart:
                continue
            in_oneof = part.containing_oneof is not None and len(part.containing_oneof.fields) > 1
            values = list(self._values(part, f"{path}.{part.name}", depth))
            if part.is_repeated:
                getattr(base, part.name).extend(values)
                continue
            for value in values:
                taken = in_oneof and base.WhichOneof(part.containing_oneof.name) is not None
                if not taken and not _is_set(base, part):
                    _set(base, part, value)
                else:
                    more.append(GetMessageClass(kind)())
                    _set(more[-1], part, value)
        return [self.frame(message) for message in [base, *more]]

    def _values(self, part: FieldDescriptor, path: str, depth: int) -> Iterator[Any]:
        if part.type == FieldDescriptor.TYPE_STRING:
            yield self.secret(path)
        elif part.type == FieldDescriptor.TYPE_BYTES:
            yield self.secret(path).encode()
        elif part.message_type is not None and depth <= MAX_DEPTH:
            yield from self.fill(part.message_type, path, depth)


def _is_set(message: Message, part: FieldDescriptor) -> bool:
    return message.HasField(part.name) if part.has_presence else bool(getattr(message, part.name))


def _set(message: Message, part: FieldDescriptor, value: Any) -> None:
    if isinstance(value, Message):
        getattr(message, part.name).CopyFrom(value)
        getattr(message, part.name).SetInParent()
    else:
        setattr(message, part.name, value)


def fields(kind: Descriptor, path: str = "", seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Paths of all string and bytes fields but ids, each nesting once: what `seed` must reach."""
    for part in kind.fields:
        if part.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            if part.name not in IDS:
                yield f"{path}.{part.name}"
        elif part.message_type is not None and part.message_type.full_name not in seen:
            yield from fields(part.message_type, f"{path}.{part.name}", (*seen, kind.full_name))


def seed(form: str = "token", number: int = 0, now_ns: int | None = None) -> tuple[dict[str, Message], list[Leak]]:
    """One export request for each signal, and its secrets: all fields, then the names that the dialects use."""
    seeder = Seeder(form, number, time.time_ns() if now_ns is None else now_ns)
    requests = {}
    for signal, kind in REQUESTS.items():
        merged = kind()
        for message in seeder.fill(kind.DESCRIPTOR, signal):
            merged.MergeFrom(message)
        requests[signal] = merged
    leak_names.add(requests, seeder)
    return requests, seeder.leaks


def _spellings(word: str) -> set[bytes]:
    """As text, and as stores and APIs write bytes: base64 at each of its three offsets, hex."""
    raw = word.encode()
    spelled = {raw, raw.hex().encode(), quote(word).encode(), quote_plus(word).encode()}
    for offset in range(3):
        # The first and last characters also depend on the text next to the word.
        encoded = base64.b64encode(b"\0" * offset + raw).rstrip(b"=")
        spelled.add(encoded[(0, 2, 3)[offset] : len(encoded) - (1 if (len(raw) + offset) % 3 else 0)])
    return spelled


def find(leaks: Iterable[Leak], data: bytes | str) -> list[Leak]:
    """The leaks of which a word is in `data`, in any case."""
    haystack = data.encode() if isinstance(data, str) else data
    lowered = haystack.lower()
    return [
        leak
        for leak in leaks
        if any(spelled in haystack or spelled.lower() in lowered for word in leak.words for spelled in _spellings(word))
    ]


def save(leaks: Iterable[Leak], path: Path) -> None:
    """One line each: the words, a tab, the path."""
    path.write_text("".join(f"{' '.join(leak.words)}\t{leak.path}\n" for leak in leaks))


def load(path: Path) -> list[Leak]:
    lines = (line.partition("\t") for line in path.read_text().splitlines())
    return [Leak(where, tuple(words.split())) for words, _, where in lines]


def send(endpoint: str, requests: Mapping[str, Message], token: str = "") -> None:
    """Export by OTLP/HTTP; raises `urllib.error.HTTPError` when the receiver refuses."""
    for signal, request in requests.items():
        headers = {"Content-Type": "application/x-protobuf", **({"Authorization": f"Bearer {token}"} if token else {})}
        body = urllib.request.Request(f"{endpoint.rstrip('/')}/v1/{signal}", request.SerializeToString(), headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(body, timeout=60):
            pass


def write(folder: Path) -> None:
    """Both forms as files, with a fixed seed and time."""
    for form in FORMS:
        requests, leaks = seed(form, now_ns=1_750_000_000_000_000_000)
        (folder / form).mkdir(parents=True, exist_ok=True)
        for signal, request in requests.items():
            (folder / form / f"{signal}.binpb").write_bytes(request.SerializeToString(deterministic=True))
        save(leaks, folder / form / "leaks.tsv")


def main() -> int:
    parser = argparse.ArgumentParser(description="Seed every field of OTLP with a secret; look for the secrets.")
    commands = parser.add_subparsers(dest="command", required=True)
    sending = commands.add_parser("send", help="send seeded requests")
    sending.add_argument("endpoint", help="base URL of an OTLP/HTTP receiver")
    sending.add_argument("--manifest", type=Path, required=True, help="where to note the secrets")
    sending.add_argument("--form", choices=FORMS, default="token")
    sending.add_argument("--seed", type=int, default=None, help="default: another one each time")
    finding = commands.add_parser("find", help="look for the secrets in files")
    finding.add_argument("manifest", type=Path)
    finding.add_argument("files", type=Path, nargs="+")
    commands.add_parser("write", help="write the requests as files").add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.command == "write":
        write(options.folder)
        return 0
    if options.command == "send":
        number = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
        requests, leaks = seed(options.form, number)
        save(leaks, options.manifest)
        send(options.endpoint, requests, os.environ.get("TOKEN", ""))
        print(f"{len(leaks)} secrets sent")
        return 0
    leaks = load(options.manifest)
    found = {leak.path: path for path in options.files for leak in find(leaks, path.read_bytes())}
    for where, file in found.items():
        print(f"{file}: {where}")
    print(f"{len(found)} of {len(leaks)} secrets found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
