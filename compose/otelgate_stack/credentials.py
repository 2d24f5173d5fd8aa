"""The stack's own secrets: made at the first `make up`, each in a file that only this user may read.

They are never printed and never in a process's arguments; programs get the paths.
"""

import secrets
from pathlib import Path

from . import access, state
from .errors import StackError
from .settings import OF_BOTH, PREFIX, Settings

# Bytes of randomness; written as hex digits. The ledger's key has to have exactly 32.
_BYTES = 32


def folder(settings: Settings) -> Path:
    """The folder of the generated ones."""
    return settings.state_dir / "secrets"


def superuser_password(settings: Settings) -> Path:
    """File with the password of PostgreSQL's role `postgres`, which only `make backup` uses."""
    return folder(settings) / "postgres_password"


def monitor_password(settings: Settings) -> Path:
    """File with the password of the role by which PostgreSQL's exporter reads the server's statistics, and no table."""
    return folder(settings) / "monitor_password"


def grafana_admin_password(settings: Settings) -> Path:
    """File with the password of Grafana's user `admin`."""
    return folder(settings) / "grafana_admin_password"


def grafana_secret_key(settings: Settings) -> Path:
    """File with the key by which Grafana encrypts what it keeps; its default is known to everybody."""
    return folder(settings) / "grafana_secret_key"


def ensure(settings: Settings) -> None:
    """Generate those that are missing. Raises StackError for one of the user's own that can't be read."""
    state.make_folder(folder(settings))
    _ensure_certificate(settings)
    for path, setting in wanted(settings).items():
        if path.parent == folder(settings) and not path.exists():
            state.write_private(path, secrets.token_hex(_BYTES) + "\n")
        try:
            path.read_bytes()
        except OSError as error:
            raise StackError(f"{setting}='{path}': {error.strerror}") from None
    access.prepare(settings)


def wanted(settings: Settings) -> dict[Path, str]:
    """The files with secrets that the stack needs, and the settings that name them."""
    wanted = {path(settings): "OTELGATE_STATE_DIR" for path in (grafana_admin_password, grafana_secret_key)}
    wanted |= {path: PREFIX + field.upper() for field in OF_BOTH if (path := getattr(settings, field))}
    if not settings.audit:
        return wanted
    fields = ("audit_key_file", "feedback_secret_file", "grafana_database_password_file", "writer_password_file")
    wanted |= {getattr(settings, field): PREFIX + field.upper() for field in fields}
    if settings.database_password:
        wanted[settings.database_password] = "OTELGATE_DATABASE_PASSWORD_FILE"
    if settings.own_database:
        wanted |= {path(settings): "OTELGATE_STATE_DIR" for path in (superuser_password, monitor_password)}
    return wanted


def _ensure_certificate(settings: Settings) -> None:
    """The certificate of the stores and its key, which only make sense together."""
    certificate, key = settings.stores_cert_file, settings.stores_key_file
    if certificate and key and {certificate.parent, key.parent} == {folder(settings)}:
        if certificate.exists() and key.exists():
            return
        made = access.new_certificate()
        for path, text in zip((key, certificate), reversed(made), strict=True):
            state.write_private(path, text)
