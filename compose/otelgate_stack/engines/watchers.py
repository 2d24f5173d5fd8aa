"""The services that watch: Alertmanager, the prober, the exporters, Grafana. They start where they can be had.

Alertmanager is built from source like the stores. The prober and the exporters are packages of the machine's own
distribution (build/debian.py), Grafana what is on PATH: without them the stack runs all the same, and some panels stay
empty.
"""

import functools
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .. import access, credentials, state
from ..build import debian
from ..config import alerting, example_files, monitoring
from ..errors import StackError
from ..ports import LOOPBACK
from ..report import Report
from ..settings import Settings
from .service import Service, bound

ORDER = ("alertmanager", *debian.EXPORTERS, "grafana")
# Optional services, and the effect of their absence.
OPTIONAL = {
    "prober": "nothing is probed: ServiceDown and DatabaseDown cannot fire",
    "node-exporter": "the panels of hosts stay empty",
    "postgres-exporter": "PostgreSQL's own statistics stay empty",
    "redis-exporter": "the panels of Redis stay empty",
    "grafana": "there are no dashboards to look at; Prometheus and Alertmanager work without",
}


def present(names: Iterable[str], settings: Settings) -> list[str]:
    """These services without those unavailable here. Makes no request: a program not fetched yet is unavailable."""
    return [name for name in names if name not in OPTIONAL or program(name, settings)]


def program(name: str, settings: Settings) -> Path | None:
    """The program of one of OPTIONAL, if it is here; None for any other service."""
    if name not in OPTIONAL:
        return None
    if name == "grafana":
        found = shutil.which("grafana")
        return Path(found) if found and grafana_home() else None
    return debian.installed(debian.EXPORTERS[name], settings)


def fetch(names: Iterable[str], settings: Settings, report: Report) -> None:
    """Fetch what is missing, and say what can't be had and what that means."""
    missing = [name for name in names if name in debian.EXPORTERS and not program(name, settings)]

    def fetched(name: str) -> str:
        try:
            debian.fetch(debian.EXPORTERS[name], settings, report)
        except StackError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(debian.EXPORTERS)) as pool:
        reasons = dict(zip(missing, pool.map(fetched, missing), strict=True))
    if "grafana" in names and not program("grafana", settings):
        reasons["grafana"] = "no `grafana` with its folder `conf` on PATH"
    for name, reason in reasons.items():
        if reason:
            report.line(f"{name}: not started ({reason}); {OPTIONAL[name]}", "yellow")


def prepare(settings: Settings, names: Collection[str]) -> None:
    """Write the configuration files that are made at start. Raises StackError, SettingsError."""
    if "prometheus" in names:
        monitoring.write(settings, names, monitoring.native(settings), prometheus_config(settings))
    if "prober" in names:
        monitoring.write_modules(settings, monitoring.native(settings), _prober_config(settings))
    if "alertmanager" in names:
        folder = _alerting_folder(settings)
        state.make_folder(folder)
        alerting.render(settings, folder)
    if "grafana" in names:
        _link_secrets(settings)
        example_files.prepare(settings)


def prometheus_config(settings: Settings) -> Path:
    """Prometheus' configuration, natively."""
    return settings.state_dir / "rendered" / "prometheus.yml"


def _prober_config(settings: Settings) -> Path:
    return settings.state_dir / "rendered" / "prober.yml"


def rules(settings: Settings) -> tuple[Path, ...]:
    """The files with alerts and recording rules."""
    return tuple(sorted((settings.root / "grafana" / "rendered" / "rules").glob("*.yaml")))


def _alertmanager(settings: Settings) -> Service:
    folder = _alerting_folder(settings)
    url = access.url(settings, "alertmanager")
    return Service(
        name="alertmanager",
        arguments=(
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder.parent / 'data'}",
            f"--web.listen-address={LOOPBACK}:{settings.alertmanager_port}",
            f"--web.external-url={url}",
            f"--web.config.file={access.web_config(settings)}",
            "--cluster.listen-address=",  # one instance has no peer to gossip with
            "--log.level=warn",
        ),
        environment={},
        ports=bound(settings, "alertmanager_port"),
        url=url,
        health=f"{url}/-/ready",
        data_dir=folder.parent / "data",
        configs=tuple(sorted(folder.glob("*"))),
        secrets=access.known_by(settings),
    )


def _prober(settings: Settings) -> Service:
    config = _prober_config(settings)
    return _exporter(settings, "prober", "/-/healthy", f"--config.file={config}", configs=(config,))


def _node_exporter(settings: Settings) -> Service:
    return _exporter(settings, "node-exporter", "/", *NODE_EXPORTER)


def _postgres_exporter(settings: Settings) -> Service:
    environment = {
        "DATA_SOURCE_URI": f"{LOOPBACK}:{settings.postgres_port}/otelgate?sslmode=disable",
        "DATA_SOURCE_USER": "otelgate_monitor",
        "DATA_SOURCE_PASS_FILE": str(credentials.monitor_password(settings)),
    }
    found = program("postgres-exporter", settings)
    arguments = (*POSTGRES_EXPORTER, *(_without_bgwriter(found) if found else ()))
    return _exporter(settings, "postgres-exporter", "/", *arguments, environment=environment)


@functools.cache
def _without_bgwriter(program: Path) -> tuple[str, ...]:
    """The distribution's exporter is older than PostgreSQL 17, which moved some columns of pg_stat_bgwriter: it would
    log an error with each scrape. No panel shows them. The flag was renamed, so the program says what it is called."""
    try:
        said = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"collector\.(?:stat_)?bgwriter\b", said.stdout + said.stderr)
    return (f"--no-{found[0]}",) if found else ()


# Collectors that Debian's package also enables: units of systemd, and files in its own folder. Without these it logs
# errors with each scrape, and their data are not used.
NODE_EXPORTER = ("--no-collector.systemd", "--no-collector.textfile", "--log.level=warn")
# The settings of a server are some 350 unused series.
POSTGRES_EXPORTER = ("--disable-settings-metrics", "--log.level=error")
# Nothing of its own server: Prometheus names one with each request.
REDIS_EXPORTER = ("-redis.addr=", "-log-format=txt")


def _redis_exporter(settings: Settings) -> Service:
    return _exporter(settings, "redis-exporter", "/health", *REDIS_EXPORTER)


def _exporter(
    settings: Settings,
    name: str,
    health: str,
    *arguments: str,
    configs: tuple[Path, ...] = (),
    environment: dict[str, str] | None = None,
) -> Service:
    field = f"{name.replace('-', '_')}_port"
    port: int = getattr(settings, field)
    url = access.url(settings, name)
    return Service(
        name=name,
        arguments=(*arguments, f"--web.listen-address={LOOPBACK}:{port}", *_closed(settings, name)),
        environment=environment or {},
        ports=bound(settings, field),
        url=url,
        health=f"{url}{health}",
        data_dir=settings.state_dir / name,
        configs=configs,
        secrets=access.known_by(settings),
        stop_wait_s=5,  # they hold nothing
    )


def _closed(settings: Settings, name: str) -> tuple[str, ...]:
    """The arguments by which an exporter lets in those alone who send what it wants."""
    if access.WANTS[name] == access.PASSWORD:
        return (f"--web.config.file={access.web_config(settings)}",)
    secrets = access.of(settings)
    return (
        f"-tls-server-cert-file={secrets.certificate}",
        f"-tls-server-key-file={secrets.key}",
        f"-tls-server-ca-cert-file={secrets.authority}",
    )


def _grafana(settings: Settings) -> Service:
    folder = _grafana_folder(settings)
    home = grafana_home()
    url = _url(settings.grafana_port)
    paths = {
        "GF_PATHS_DATA": folder,
        "GF_PATHS_LOGS": folder / "log",
        "GF_PATHS_PLUGINS": folder / "plugins",
        "GF_PATHS_PROVISIONING": settings.root / "grafana" / "provisioning",
        "OTELGATE_GRAFANA_DASHBOARDS": settings.root / "grafana" / "rendered" / "dashboards" / "otelgate",
        "OTELGATE_GRAFANA_EXAMPLES": example_files.folder(settings) / "dashboards",
    }
    stores = {f"OTELGATE_{name.upper()}_URL": name for name in ("prometheus", "loki", "tempo", "jaeger")}
    return Service(
        name="grafana",
        arguments=("server", f"--homepath={home}"),
        environment={
            **GRAFANA,
            **grafana_database(settings),
            **{name: str(path) for name, path in paths.items()},
            **{name: access.url(settings, store) for name, store in stores.items()},
            "GF_SERVER_HTTP_ADDR": LOOPBACK,
            "GF_SERVER_HTTP_PORT": str(settings.grafana_port),
            "GF_SERVER_ROOT_URL": settings.grafana_url,
            "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{credentials.grafana_admin_password(settings)}}}",
            "GF_SECURITY_SECRET_KEY": f"$__file{{{credentials.grafana_secret_key(settings)}}}",
        },
        ports=bound(settings, "grafana_port"),
        url=url,
        health=f"{url}/api/health",
        data_dir=folder,
        configs=tuple(sorted((settings.root / "grafana" / "provisioning").rglob("*.yaml"))),
        started_in=folder,
    )


# Both engines give the same (a test compares them): no access without an account, and no usage statistics.
GRAFANA = {
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


def grafana_database(settings: Settings) -> dict[str, str]:
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


def grafana_home() -> Path | None:
    """Grafana's own folder, where its defaults and its pages are: next to its program, or where packages put it."""
    found = shutil.which("grafana")
    if not found:
        return None
    home = Path(found).resolve().parents[1]
    places = (home, home / "share" / "grafana", Path("/usr/share/grafana"))
    return next((place for place in places if (place / "conf" / "defaults.ini").is_file()), None)


def _link_secrets(settings: Settings) -> None:
    """The files that grafana/provisioning reads; without the audit store the database password is empty."""
    database = settings.grafana_database_password_file if settings.audit else None
    stores = {f"stores_{name}": file for name, file in vars(access.of(settings)).items()}
    folder = _grafana_folder(settings) / "secrets"
    state.make_folder(folder)
    for name, target in {"grafana_database_password": database, **stores}.items():
        link = folder / name
        link.unlink(missing_ok=True)
        if target:
            link.symlink_to(target)
        else:
            link.touch(0o600)


def _grafana_folder(settings: Settings) -> Path:
    return settings.state_dir / "grafana"


def _alerting_folder(settings: Settings) -> Path:
    return settings.state_dir / "alertmanager" / "config"


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


MAKERS: dict[str, Callable[[Settings], Service]] = {
    "alertmanager": _alertmanager,
    "prober": _prober,
    "node-exporter": _node_exporter,
    "postgres-exporter": _postgres_exporter,
    "redis-exporter": _redis_exporter,
    "grafana": _grafana,
}
