"""Services of the native engine: each service's arguments, environment, ports and health check, from the settings.

All follow from service_table.py, but for the parts at the end of this file. The configuration files are the ones that
compose.yaml mounts, and the arguments are those that it gives.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from otelgate_audit import kinds

from .. import access, target
from ..errors import StackError
from ..ports import LOOPBACK
from ..service_spec import Spec
from ..service_table import SPECS, names
from ..settings import PREFIX, Settings
from . import grafana, templates, watchers
from .service import Service, python_env

_SOURCES = (".py", ".sql", ".js", ".yaml")


def services(settings: Settings, only: Sequence[str] | None = None) -> list[Service]:
    """The stack's services; `only` picks some by name (also the trace store that the settings leave out)."""
    return [_service(SPECS[name], settings) for name in (names(settings) if only is None else only)]


def gateway_variables(settings: Settings) -> dict[str, str]:
    """How the sink reaches the gateway, in the standard variables; of a token that can't be read, the gateway tells.

    The authority to trust, and the certificate to show, are those that this process's own environment names, as for any
    application.
    """
    try:
        return target.find(settings, _client_environment()).environment()
    except StackError:
        return {}


def gateway_authority(settings: Settings) -> Path | None:
    """The certificate by which the sink knows the gateway; None without TLS."""
    own = _client_environment().get("OTEL_EXPORTER_OTLP_CERTIFICATE")
    return Path(own) if own and settings.tls_cert_file else settings.tls_cert_file


def client_certificate(settings: Settings) -> tuple[Path | None, Path | None]:
    """The certificate that the sink shows the gateway, and its key; None without TLS, or where none is named."""
    return (settings.tls_cert_file and target.client(_client_environment())) or (None, None)


def _client_environment() -> dict[str, str]:
    names = ("OTEL_EXPORTER_OTLP_CERTIFICATE", target.CLIENT_CERTIFICATE, target.CLIENT_KEY)
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _service(spec: Spec, settings: Settings) -> Service:
    values = templates.values(spec, settings)
    made = Service(
        name=spec.name,
        arguments=tuple(each.format_map(values) for each in spec.arguments),
        environment=_environment(spec, settings, values),
        ports={PREFIX + each.setting.upper(): access.bound(settings, each) for each in spec.ports},
        url=access.url(settings, spec.name),
        health=access.health_url(settings, spec.name),
        data_dir=Path(values["folder"]),
        configs=_files(Path(values["config"])) if spec.config else (),
        stop_wait_s=spec.stop_wait_s,
        stop_signal=spec.stop_signal,
        after=spec.after,
        secrets=access.known_by(settings) if spec.wants or spec.asks else (),
    )
    return _MORE[spec.name](settings, made) if spec.name in _MORE else made


def _files(config: Path) -> tuple[Path, ...]:
    """The file, or those in the folder."""
    found = sorted(file for file in config.rglob("*") if file.suffix in _SOURCES)
    return tuple(found) if config.is_dir() else (config,)


def _environment(spec: Spec, settings: Settings, values: Mapping[str, str]) -> dict[str, str]:
    environment = {name: text.format_map(values) for name, text in spec.environment.items()}
    if spec.go_memory_mib:
        environment["GOMEMLIMIT"] = f"{spec.go_memory_mib}MiB"
    if spec.python:
        environment |= python_env(settings)
    if spec.reader:
        environment |= _READERS[spec.reader](settings)
    if spec.reads is not None:
        environment |= _backend_env(spec, settings, values["folder"])
    return environment


def _backend_env(spec: Spec, settings: Settings, folder: str) -> dict[str, str]:
    """Variables of a store's configuration file: its address, its data folder, and the settings that it names."""
    known = {"OTELGATE_BACKEND_HOST": LOOPBACK, "OTELGATE_BACKEND_DIR": folder}
    known |= {f"OTELGATE_STORES_{name.upper()}": file for name, file in vars(access.of(settings)).items()}
    known["OTELGATE_STORES_USERS"] = str(access.htpasswd(settings))
    return known | {PREFIX + name.upper(): kinds.show(getattr(settings, name)) for name in spec.named}


_READERS: Mapping[str, Callable[[Settings], dict[str, str]]] = {
    "gateway": Settings.gateway_env,
    "sink": lambda settings: settings.sink_env() | gateway_variables(settings),
    "keeper": lambda settings: settings.owner_env() | gateway_variables(settings),
}


# The parts of services that are not in the table.


def _gateway(settings: Settings, made: Service) -> Service:
    return replace(made, url=target.urls(settings)["http"])


def _prometheus(settings: Settings, made: Service) -> Service:
    rules = (settings.root / "grafana" / "rendered" / "rules").glob("*.yaml")
    return replace(made, configs=(*made.configs, *sorted(rules)))


def _postgres(settings: Settings, made: Service) -> Service:
    return replace(
        made,
        url=f"postgresql://{LOOPBACK}:{settings.postgres_port}",
        health=settings.database,
        configs=(Path(__file__).with_name("postgres.py"),),
        password_file=settings.database_password,
    )


def _alertmanager(settings: Settings, made: Service) -> Service:
    return replace(made, configs=tuple(sorted(made.configs[0].parent.glob("*"))))


def _postgres_exporter(settings: Settings, made: Service) -> Service:
    found = watchers.program(made.name, settings)
    return replace(made, arguments=(*made.arguments, *(watchers.without_bgwriter(found) if found else ())))


_MORE: Mapping[str, Callable[[Settings, Service], Service]] = {
    "gateway": _gateway,
    "prometheus": _prometheus,
    "postgres": _postgres,
    "alertmanager": _alertmanager,
    "postgres-exporter": _postgres_exporter,
    "grafana": grafana.complete,
}
