"""Grafana's process: its settings, its database, the files of its provisioning."""

import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .. import access, credentials, state
from ..config import example_files
from ..ports import LOOPBACK
from ..service_table import SPECS, STORES
from ..settings import Settings
from .service import Service

# Both engines give the same (a test compares them): no access without an account, and no usage statistics.
SETTINGS = {
    "GF_AUTH_ANONYMOUS_ENABLED": "false",
    "GF_USERS_ALLOW_SIGN_UP": "false",
    "GF_SECURITY_DISABLE_GRAVATAR": "true",
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_FEATURE_TOGGLES_ENABLE": "prometheusSpecialCharsInLabelValues",  # else a quote in a name ends a PromQL string
    "GF_LOG_MODE": "console",
    "GF_LOG_LEVEL": "warn",
}


def complete(settings: Settings, made: Service) -> Service:
    """Grafana's process, natively, with the folders that it reads and writes, and the addresses of the stores."""
    folder = made.data_dir
    paths = {
        "GF_PATHS_DATA": folder,
        "GF_PATHS_LOGS": folder / "log",
        "GF_PATHS_PLUGINS": folder / "plugins",
        "GF_PATHS_PROVISIONING": settings.root / "grafana" / "provisioning",
        "OTELGATE_GRAFANA_DASHBOARDS": settings.root / "grafana" / "rendered" / "dashboards" / "otelgate",
        "OTELGATE_GRAFANA_EXAMPLES": example_files.folder(settings) / "dashboards",
    }
    environment = {
        **made.environment,
        **SETTINGS,
        **database(settings),
        **{name: str(path) for name, path in paths.items()},
        **{f"OTELGATE_{SPECS[store].variable}_URL": access.url(settings, store) for store in STORES},
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(settings.grafana_port),
        "GF_SERVER_ROOT_URL": settings.grafana_url,
        "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{credentials.grafana_admin_password(settings)}}}",
        "GF_SECURITY_SECRET_KEY": f"$__file{{{credentials.grafana_secret_key(settings)}}}",
    }
    arguments = (*made.arguments, f"--homepath={home()}")
    return replace(made, arguments=arguments, environment=environment, started_in=folder)


def database(settings: Settings) -> dict[str, str]:
    """How Grafana reaches the audit sink's database, by the names that grafana/provisioning expects."""
    parts = urlsplit(settings.database)
    wanted = parse_qs(parts.query).get("sslmode", [""])[0]
    default = "disable" if settings.own_database else "require"  # Grafana knows no `prefer`
    return {
        "OTELGATE_GRAFANA_DATABASE_ADDRESS": f"{parts.hostname}:{parts.port or 5432}",
        "OTELGATE_GRAFANA_DATABASE_NAME": parts.path.strip("/") or "otelgate",
        "OTELGATE_GRAFANA_DATABASE_SSLMODE": wanted
        if wanted in ("disable", "require", "verify-ca", "verify-full")
        else default,
    }


def home() -> Path | None:
    """Grafana's own folder, where its defaults and its pages are: next to its program, or where packages put it."""
    found = shutil.which("grafana")
    if not found:
        return None
    folder = Path(found).resolve().parents[1]
    places = (folder, folder / "share" / "grafana", Path("/usr/share/grafana"))
    return next((place for place in places if (place / "conf" / "defaults.ini").is_file()), None)


def link_secrets(settings: Settings) -> None:
    """The files that grafana/provisioning reads; without the audit store the database password is empty."""
    password = settings.grafana_database_password_file if settings.audit else None
    stores = {f"stores_{name}": file for name, file in vars(access.of(settings)).items()}
    folder = settings.state_dir / "grafana" / "secrets"
    state.make_folder(folder)
    for name, target in {"grafana_database_password": password, **stores}.items():
        link = folder / name
        link.unlink(missing_ok=True)
        if target:
            link.symlink_to(target)
        else:
            link.touch(0o600)
