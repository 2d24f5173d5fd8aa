"""How an application reaches the gateway of these settings: endpoints, certificate and token, as standard variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from .errors import StackError
from .settings import Settings

CLIENT_CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
CLIENT_KEY = "OTEL_EXPORTER_OTLP_CLIENT_KEY"
_ANY = ("0.0.0.0", "::")
_LOOPBACK = ("127.0.0.1", "::1", *_ANY)


@dataclass(frozen=True)
class Target:
    """`grpc` and `http` are URLs with a port; `headers` go with every request, and are kept out of the repr."""

    grpc: str
    http: str
    ca_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    client: tuple[Path, Path] | None = None
    """Certificate and key to show, where the gateway asks for one."""

    @property
    def tls(self) -> bool:
        """Whether the gateway is reached by TLS."""
        return self.grpc.startswith("https://")

    def environment(self, protocol: str = "grpc") -> dict[str, str]:
        """The environment of an application: the standard `OTEL_EXPORTER_OTLP_*` variables it needs, no more."""
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.grpc if protocol == "grpc" else self.http}
        if protocol != "grpc":  # the SDK's default
            variables["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol
        if self.tls and self.ca_file:
            variables["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(self.ca_file)
        if self.tls and self.client:
            variables |= {CLIENT_CERTIFICATE: str(self.client[0]), CLIENT_KEY: str(self.client[1])}
        if self.headers:
            pairs = (f"{name}={quote(value, safe='')}" for name, value in self.headers.items())
            variables["OTEL_EXPORTER_OTLP_HEADERS"] = ",".join(pairs)
        return variables


def find(settings: Settings, environ: Mapping[str, str] | None = None) -> Target:
    """The target that an application with these settings and this environment would use.

    The standard variables win where they are set: `OTEL_EXPORTER_OTLP_ENDPOINT` (for the protocol that
    `OTEL_EXPORTER_OTLP_PROTOCOL` names), `_CERTIFICATE`, `_CLIENT_CERTIFICATE` with `_CLIENT_KEY`, and `_HEADERS`. Else
    the certificate to trust is the gateway's own, none is shown, and the token is the one in `OTELGATE_TOKEN_FILE`.
    Raises StackError when that file can't be read, and where only one of the two client variables is set.
    """
    given = os.environ if environ is None else environ
    found = urls(settings)
    if endpoint := given.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        key = "http" if given.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").startswith("http") else "grpc"
        scheme = found[key].partition("://")[0]
        found[key] = endpoint.rstrip("/") if "://" in endpoint else f"{scheme}://{endpoint}"
    if certificate := given.get("OTEL_EXPORTER_OTLP_CERTIFICATE"):
        ca_file: Path | None = Path(certificate)
    else:
        ca_file = settings.tls_cert_file
    return Target(found["grpc"], found["http"], ca_file, _headers(settings, given), client(given))


def client(environ: Mapping[str, str]) -> tuple[Path, Path] | None:
    """The certificate to show to a gateway that asks for one, and its key, as the standard variables name them.

    Raises StackError where only one of them is set.
    """
    shown, key = environ.get(CLIENT_CERTIFICATE, ""), environ.get(CLIENT_KEY, "")
    if bool(shown) != bool(key):
        raise StackError(f"{CLIENT_CERTIFICATE}={shown!r}, {CLIENT_KEY}={key!r}: expected both or neither")
    return (Path(shown), Path(key)) if shown and key else None


def urls(settings: Settings) -> dict[str, str]:
    """The gateway's endpoints for applications on this machine, by `grpc` and `http`."""
    scheme, host = "https" if settings.tls_cert_file else "http", _host(settings)
    return {"grpc": f"{scheme}://{host}:{settings.grpc_port}", "http": f"{scheme}://{host}:{settings.http_port}"}


def _host(settings: Settings) -> str:
    if settings.host not in _LOOPBACK:
        return f"[{settings.host}]" if ":" in settings.host else settings.host
    if settings.tls_cert_file:
        return "localhost"  # the name that certificates for one machine carry
    return "[::1]" if settings.host == "::1" else "127.0.0.1"


def _headers(settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    if text := given.get("OTEL_EXPORTER_OTLP_HEADERS"):
        pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
        return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
    if settings.token_file is None:
        return {}
    try:
        token = settings.token_file.read_text().strip()
    except OSError as error:
        raise StackError(f"OTELGATE_TOKEN_FILE='{settings.token_file}': {error.strerror}") from error
    return {"authorization": f"Bearer {token}"}
