"""The stores of the running stack, for days of history: each takes records with times of long ago in its own way."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg

from .. import access
from ..clients import Loki, Prometheus
from ..errors import StackError
from ..settings import Settings
from ..waiting import until
from .places import Containers, Native, places

_TIMEOUT_S = 60.0
_ATTEMPTS = 10
_OTLP = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"
_EXPORT = {"traces": _OTLP.format("trace", "Trace"), "logs": _OTLP.format("logs", "Logs")}
_BUSY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class Stores:
    """`prometheus` and `loki` are the stack's clients. All methods raise StackError, the clients StoreError."""

    def __init__(self, settings: Settings, where: Native | Containers, prometheus: Prometheus, loki: Loki) -> None:
        self._settings, self._where = settings, where
        self.prometheus, self.loki = prometheus, loki

    def first_turn(self, service: str) -> float | None:
        """When the first turn of a service in the audit store began, in Unix seconds; None if there is none."""
        password = self._settings.database_password
        secret = password.read_text().strip() if password else None
        query = "SELECT extract(epoch FROM min(started_at))::float8 FROM audit.turns WHERE service = %s"
        with psycopg.connect(self._settings.database, password=secret) as connection:
            row = connection.execute(query, [service]).fetchone()
        return row[0] if row else None

    def make_blocks(self, files: Sequence[Path]) -> None:
        """Prometheus' blocks from OpenMetrics files; it finds them within a minute."""
        self._where.make_blocks(files)

    def wait_for_samples(self, selector: str, times: Iterable[float], seconds: float) -> int:
        """Wait until Prometheus has samples of these series within the minute before each time (Unix seconds).

        The number of times for which it has none after so many seconds.
        """
        left = list(times)

        def missing() -> str:
            while left and self.prometheus.query(f"count_over_time({selector}[1m])", left[0]):
                left.pop(0)
            return f"{len(left)} missing" if left else ""

        until(missing, seconds, every_s=1)
        return len(left)

    def send_to_audit(self, signal: str, requests: Iterable[Any]) -> None:
        """OTLP requests to the audit sink, as from the gateway; `signal` is traces or logs."""
        token = self._settings.audit_token_file
        headers = (("authorization", f"Bearer {token.read_text().strip()}"),) if token else ()
        with grpc.insecure_channel(self._where.audit) as channel:
            _export(channel, signal, requests, headers)

    def send_traces(self, requests: Sequence[Any]) -> None:
        """OTLP requests to each store of traces that the gateway sends to."""
        where = {"tempo": self._where.tempo, "jaeger": self._where.jaeger}
        for store in (self._settings.traces_to,) if self._settings.traces_to in where else where:
            with self._channel(where[store]) as channel:
                _export(channel, "traces", requests)

    def _channel(self, address: str) -> grpc.Channel:
        """To a trace store's OTLP receiver, which wants the stores' certificate."""
        secrets = access.of(self._settings)
        try:
            files = [Path(file).read_bytes() for file in (secrets.authority, secrets.key, secrets.certificate)]
        except OSError as error:
            raise StackError(f"{error.filename}: {error.strerror}") from error
        # In Docker's network it has an address that the certificate does not name.
        named = (("grpc.ssl_target_name_override", "localhost"),)
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(*files), options=named)


@contextmanager
def find(settings: Settings) -> Iterator[Stores]:
    """The stores of the stack that is up. Raises StackError where it does not run its own PostgreSQL."""
    if not settings.own_database:
        raise StackError("HISTORY: the past is loaded into the stack's own database: unset OTELGATE_DATABASE_URL")
    prometheus, loki = Prometheus.of(settings, _TIMEOUT_S), Loki.of(settings, _TIMEOUT_S)
    with prometheus, loki, places(settings) as where:
        yield Stores(settings, where, prometheus, loki)


def _export(
    channel: grpc.Channel, signal: str, requests: Iterable[Any], headers: tuple[tuple[str, str], ...] = ()
) -> None:
    """Send each, and again where the receiver is busy."""
    call: grpc.UnaryUnaryMultiCallable[Any, bytes] = channel.unary_unary(
        _EXPORT[signal], request_serializer=lambda request: request.SerializeToString()
    )
    for request in requests:
        for attempt in range(_ATTEMPTS):
            try:
                call(request, timeout=120, metadata=headers)
                break
            except grpc.RpcError as error:
                if error.code() not in _BUSY or attempt == _ATTEMPTS - 1:
                    raise StackError(f"{_EXPORT[signal]}: {error.code().name}: {error.details()}") from error
                time.sleep(1 + attempt)
