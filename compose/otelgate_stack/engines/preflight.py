"""Names the settings that the gateway or the audit sink would refuse, before anything is built for them.

The gateway has the last word (collector/settings, collector/guard): it sees an operator's own files, too.
"""

import os
from collections.abc import Iterator

from otelgate_audit import hosts

from .. import credentials, target
from ..errors import SettingsError, StackError
from ..service_spec import CERTIFICATE
from ..service_table import PORT_WANTS, SPECS, STORES
from ..settings import PREFIX, ROWS, Settings

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def check(settings: Settings) -> None:
    """Raises SettingsError, with one line for each problem."""
    if problems := [*_unreadable(settings), *_incomplete_pairs(settings)]:
        raise SettingsError("\n".join(problems))


def _unreadable(settings: Settings) -> Iterator[str]:
    for row in ROWS:
        if not ("gateway" in row.readers and row.kind == "file"):
            continue
        file = getattr(settings, row.field)
        if file and file.parent != credentials.folder(settings):  # those there are generated
            try:
                file.open("rb").close()
            except OSError as error:
                yield f"{row.env}='{file}': expected a file that can be read: {error.strerror}"


def _incomplete_pairs(settings: Settings) -> Iterator[str]:
    """Settings that only make sense with others."""
    if (settings.tls_cert_file is None) != (settings.tls_key_file is None):
        yield "OTELGATE_TLS_CERT_FILE and OTELGATE_TLS_KEY_FILE: expected both or neither"
    if settings.tls_client_ca_file and not settings.tls_cert_file:
        yield (
            f"OTELGATE_TLS_CLIENT_CA_FILE='{settings.tls_client_ca_file}': expected OTELGATE_TLS_CERT_FILE and"
            " OTELGATE_TLS_KEY_FILE with it"
        )
    if settings.tls_cert_file:
        try:
            target.client(os.environ)
        except StackError as error:
            yield str(error)
    if settings.applications_file and not settings.token_file:
        yield (
            f"OTELGATE_APPLICATIONS_FILE='{settings.applications_file}': expected OTELGATE_TOKEN_FILE, the operator's"
            " token, with it"
        )
    pair = (settings.stores_cert_file, settings.stores_key_file)
    if len({file is not None and file.parent == credentials.folder(settings) for file in pair}) > 1:
        yield "OTELGATE_STORES_CERT_FILE and OTELGATE_STORES_KEY_FILE: expected both or neither"
    for field, port in _closed_by_tls().items():
        url = getattr(settings, field)
        if not url.startswith("https://") and settings.is_own(url, getattr(settings, port)):
            yield f"{PREFIX}{field.upper()}='{url}': expected https://, which is all that the stack's own takes"
    closed = settings.tls_cert_file and settings.tls_key_file and settings.token_file
    if not (hosts.is_loopback(settings.host) or closed or settings.insecure):
        yield (
            f"OTELGATE_HOST='{settings.host}': the gateway would listen there, beyond this machine, without both TLS"
            " and a bearer token: set OTELGATE_TLS_CERT_FILE, OTELGATE_TLS_KEY_FILE and OTELGATE_TOKEN_FILE, or"
            " OTELGATE_INSECURE=true"
        )
    if settings.audit and not hosts.is_loopback(settings.audit_host):
        yield (
            f"OTELGATE_AUDIT_HOST='{settings.audit_host}': expected localhost or a loopback address, since the sink has"
            " no TLS"
        )
    if float(settings.sample_percent) < 100 and _seconds(settings.sample_wait) <= _seconds(settings.sample_slow):
        yield (
            f"OTELGATE_SAMPLE_WAIT='{settings.sample_wait}': expected more than OTELGATE_SAMPLE_SLOW, which is"
            f" {settings.sample_slow}"
        )


def _closed_by_tls() -> dict[str, str]:
    """The settings with addresses of stores' ports that speak TLS alone -> those ports."""
    known = {row.field for row in ROWS}
    found = {f"{name}_endpoint": store.intake for name, store in STORES.items()}
    found |= {f"{name}_url": SPECS[name].ports[0].setting for name in STORES if f"{name}_url" in known}
    return {field: port for field, port in found.items() if PORT_WANTS[port] == CERTIFICATE}


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _SECONDS[duration[-1]]
