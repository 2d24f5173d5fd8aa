"""The sink's settings, read from the environment. Their table is compose/settings.yaml.

Passwords and keys are in files: the settings hold their paths and read them on each use, so a changed password needs
no restart.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from . import hosts, kinds
from .settings_table import ROWS, Fields

# The gateway, the stack and the SDK have settings in the same environment. Names that start like these are the sink's
# alone, but for the gateway's two and the SDK's one, so a wrong one is an error.
_STRICT = (
    *("OTELGATE_AUDIT_", "OTELGATE_KEEPER_", "OTELGATE_FEEDBACK_"),
    *("OTELGATE_DATABASE_", "OTELGATE_WRITER_", "OTELGATE_GRAFANA_DATABASE_"),
)
_OTHERS = {"OTELGATE_AUDIT_ENDPOINT", "OTELGATE_FEEDBACK_SECRET"}


class SettingsError(ValueError):
    """One line for each wrong setting."""


@dataclass(frozen=True, kw_only=True)
class Settings(Fields):
    """The settings of one process of the sink."""

    def __repr__(self) -> str:
        shown = {each.name: getattr(self, each.name) for each in fields(self)}
        shown["database_url"] = kinds.masked(self.database_url)
        shown["witness"] = self.witness and kinds.before_colon(self.witness)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def database_password(self) -> str | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("database_password_file").decode() if self.database_password_file else None

    @property
    def writer_password(self) -> str | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("writer_password_file").decode() if self.writer_password_file else None

    @property
    def grafana_password(self) -> str | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("grafana_database_password_file").decode() if self.grafana_database_password_file else None

    @property
    def chain_key(self) -> bytes:
        """The ledger's chain key, 32 bytes. Raises SettingsError, also if no file is set."""
        try:
            key = bytes.fromhex(self._secret("audit_key_file").decode())
        except ValueError as error:
            if isinstance(error, SettingsError):
                raise
            key = b""
        if len(key) != 32:
            raise SettingsError(f"OTELGATE_AUDIT_KEY_FILE='{self.audit_key_file}': expected 64 hex digits in it")
        return key

    @property
    def audit_token(self) -> bytes | None:
        """The token that senders of OTLP need; None if no file is set. Raises SettingsError."""
        return self._long_secret("audit_token_file") if self.audit_token_file else None

    @property
    def stores_password(self) -> str | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("stores_password_file").decode() if self.stores_password_file else None

    @property
    def pseudonym_key(self) -> bytes | None:
        """None where no file is set. Raises SettingsError."""
        return self._secret("pseudonym_key_file") if self.pseudonym_key_file else None

    @property
    def feedback_secret(self) -> bytes:
        """The secret that signs feedback tokens. Raises SettingsError, also if no file is set."""
        return self._long_secret("feedback_secret_file")

    def _long_secret(self, field: str) -> bytes:
        secret = self._secret(field)
        if len(secret) < 32:
            path = getattr(self, field)
            raise SettingsError(f"OTELGATE_{field.upper()}='{path}': expected at least 32 bytes in it")
        return secret

    def _secret(self, field: str) -> bytes:
        path: Path | None = getattr(self, field)
        env = f"OTELGATE_{field.upper()}"
        if path is None:
            raise SettingsError(f"{env}: not set; expected a file that can be read")
        try:
            return path.read_bytes().strip()
        except OSError:
            raise SettingsError(f"{env}='{path}': expected a file that can be read") from None


def load(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `env` (default: the process's); an empty value counts as unset, as in compose files.

    Raises SettingsError with one line for each bad value, and for each unknown name that can only be the sink's.
    """
    given = {name: value for name, value in (os.environ if env is None else env).items() if value}
    strict = {name for name in given if name.startswith(_STRICT)} - _OTHERS
    values, problems = kinds.read(ROWS, given)
    problems = [
        *kinds.unknown(strict, [row.env for row in ROWS]),
        *problems,
        *kinds.ports_used_twice(ROWS, values),
        *_open_to_others(values["audit_host"], values["published_host"]),
    ]
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**values)


def _open_to_others(host: str | None, published: str | None) -> Iterator[str]:
    """The sink has no TLS: its token and all content would be sent in plain text."""
    if host and not hosts.is_loopback(host) and not (published and hosts.is_loopback(published)):
        wrong = f"OTELGATE_PUBLISHED_HOST={published!r}" if published else f"OTELGATE_AUDIT_HOST={host!r}"
        yield f"{wrong}: expected {hosts.LOOPBACK}, since the sink has no TLS"
