"""Prometheus' configuration, made when the stack starts: it expands no variables in its file.

compose/prometheus/prometheus.yml holds what never changes; rules, targets and Alertmanager are added here, for
both engines alike but for the addresses.
"""

import platform
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from .. import access, state
from ..errors import StackError
from ..ports import LOOPBACK, loopback
from ..settings import Settings
from . import example_files

# Alerts arrive within two minutes of a fault: a probe, the rule's minute, its group's interval, Alertmanager's wait.
PROBE_INTERVAL = "10s"
PROBE_TIMEOUT = "5s"

# Probes of the stack itself: its service (of the gateway and the sink: as their own telemetry names them), kind
# and health check.
_PARTS = {
    "gateway": ("otelgate-gateway", "gateway", "/"),
    "audit": ("otelgate-audit", "api", "/health"),
    "keeper": ("otelgate-keeper", "api", "/health"),
    "feedback": ("otelgate-feedback", "api", "/health"),
    "prometheus": ("prometheus", "store", "/-/ready"),
    "loki": ("loki", "store", "/ready"),
    "tempo": ("tempo", "store", "/ready"),
    "jaeger": ("jaeger", "store", "/api/services"),
    "alertmanager": ("alertmanager", "alerts", "/-/ready"),
    "grafana": ("grafana", "dashboards", "/api/health"),
}
_MADE = "# Made by `make up`; change compose/otelgate_stack/config/monitoring.py.\n"
# The prober's modules that send what a service wants.
_MODULES = {access.PASSWORD: "password", access.CERTIFICATE: "certificate"}
_DATABASE = "database"
_REDIS = "redis"
# A target may be a URL with a user and a password; neither may become a label.
_HOST_PORT = r"(?:[a-z+]+://)?(?:[^@/]*@)?([^/?]+).*"
_LOCAL = r"(.*://|)(?:127\.0\.0\.1|localhost)(:.*)"


@dataclass(frozen=True)
class Places:
    """Addresses as Prometheus and the prober see them. `addresses`: service -> host:port of its HTTP health.

    `examples`: where alerts of the examples are, once one was run (example_files.py).
    `local`: the name of this machine in targets on 127.0.0.1, if the prober has its own loopback.
    """

    addresses: dict[str, str]
    rules: str
    examples: str
    probes: str
    secrets: access.Secrets
    local: str | None = None


def native(settings: Settings) -> Places:
    """Everything on this machine."""
    fields = {
        "gateway": "health_port",
        "audit": "audit_health_port",
        "prober": "prober_port",
        "node-exporter": "node_exporter_port",
        "postgres-exporter": "postgres_exporter_port",
        "redis-exporter": "redis_exporter_port",
    }
    others = ("prometheus", "loki", "tempo", "jaeger", "keeper", "feedback", "alertmanager", "grafana")
    fields |= {name: f"{name}_port" for name in others}
    hosts = {"audit": settings.audit_host, "keeper": settings.audit_host, "feedback": settings.feedback_host}
    return Places(
        addresses={
            name: f"{loopback(hosts.get(name, LOOPBACK))}:{getattr(settings, field)}" for name, field in fields.items()
        },
        rules=str(settings.root / "grafana" / "rendered" / "rules"),
        examples=str(example_files.folder(settings) / "rules"),
        probes=str(probes(settings)),
        secrets=access.of(settings),
    )


# Inside compose's network every service has its own name and usual port (compose.yaml).
DOCKER = Places(
    addresses={
        "gateway": "gateway:13133",
        "audit": "audit:4321",
        "keeper": "keeper:4323",
        "feedback": "feedback:4322",
        "prometheus": "prometheus:9090",
        "loki": "loki:3100",
        "tempo": "tempo:3200",
        "jaeger": "jaeger:16686",
        "alertmanager": "alertmanager:9093",
        "grafana": "grafana:3000",
        "prober": "prober:9115",
        "node-exporter": "node-exporter:9100",
        "postgres-exporter": "postgres-exporter:9187",
        "redis-exporter": "redis-exporter:9121",
        "postgres": "postgres:5432",
    },
    rules="/etc/otelgate-rules",
    examples="/etc/otelgate-examples/rules",
    probes="/etc/otelgate-probes",
    secrets=access.MOUNTED,
    local="host.docker.internal",
)


def probes(settings: Settings) -> Path:
    """The folder where running applications say what to probe of them: lists of targets with labels service, kind."""
    return settings.state_dir / "probes"


def write(settings: Settings, services: Collection[str], places: Places, file: Path) -> None:
    """The configuration for these services as a file, and the folder of the targets that come and go."""
    state.make_folder(file.parent)
    text = _MADE + render(settings, services, places)
    draft = file.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(file)
    state.make_folder(probes(settings))
    example_files.prepare(settings)


def write_modules(settings: Settings, places: Places, file: Path) -> None:
    """The prober's configuration as a file: its modules, and those that send what the stack's own parts want."""
    base = settings.root / "compose" / "prober" / "prober.yml"
    config = yaml.safe_load(base.read_text())
    for wanted, name in _MODULES.items():
        service = next(service for service, wants in access.WANTS.items() if wants == wanted)
        sent = {key: value for key, value in access.as_client(service, places.secrets).items() if key != "scheme"}
        plain = config["modules"]["http"]
        config["modules"][name] = {**plain, "http": {**plain["http"], **sent}}
    state.make_folder(file.parent)
    file.write_text(_MADE + yaml.safe_dump(config, sort_keys=False))


def render(settings: Settings, services: Collection[str], places: Places) -> str:
    """prometheus.yml for these services. Raises StackError for a base file that is none."""
    base = settings.root / "compose" / "prometheus" / "prometheus.yml"
    config = yaml.safe_load(base.read_text())
    if not isinstance(config, dict):
        raise StackError(f"{base}: expected a mapping")
    config["rule_files"] = [f"{places.rules}/*.yaml", f"{places.examples}/*.yaml"]
    if "alertmanager" in services:
        told = {"static_configs": [_targets(places.addresses["alertmanager"])]}
        config["alerting"] = {"alertmanagers": [access.as_client("alertmanager", places.secrets) | told]}
    config["scrape_configs"] = list(_jobs(settings, services, places))
    return yaml.safe_dump(config, sort_keys=False, width=120)


def _jobs(settings: Settings, services: Collection[str], places: Places) -> Iterator[dict[str, Any]]:
    addresses = places.addresses
    for name in ("prometheus", "alertmanager"):
        if name in services:
            yield _job(name, name, places) | {"static_configs": [_targets(addresses[name])]}
    if "node-exporter" in services:
        host = _targets(addresses["node-exporter"], instance=platform.node())
        yield _job("node", "node-exporter", places) | {"static_configs": [host]}
    if "postgres-exporter" in services:
        database = _targets(addresses["postgres-exporter"], instance=_database(settings, places))
        yield _job("postgres", "postgres-exporter", places) | {"static_configs": [database]}
    if "redis-exporter" in services:
        yield _redis(places)
    if "prober" in services:
        yield _probe(settings, services, places)


def _job(name: str, service: str, places: Places) -> dict[str, Any]:
    """The beginning of a job that asks this service."""
    return {"job_name": name, **access.as_client(service, places.secrets)}


def _probe(settings: Settings, services: Collection[str], places: Places) -> dict[str, Any]:
    own = [
        _own_target(name, f"{places.addresses[name]}{path}", service=service, kind=kind)
        for name, (service, kind, path) in _PARTS.items()
        if name in services
    ]
    if settings.audit and {"postgres", "audit"} & set(services):
        own.append(_targets(_database(settings, places), service="postgres", kind=_DATABASE))
    return _job("probe", "prober", places) | {
        "scrape_interval": PROBE_INTERVAL,
        "scrape_timeout": PROBE_TIMEOUT,
        "metrics_path": "/probe",
        "static_configs": own,
        "file_sd_configs": _files(places),
        "relabel_configs": [
            {"source_labels": ["kind"], "regex": _REDIS, "action": "drop"},  # the job redis has these
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["kind", "__address__"], "regex": f"{_DATABASE};{_HOST_PORT}",
             "target_label": "__param_target"},
            {"source_labels": ["__param_module"], "regex": "^$", "target_label": "__param_module",
             "replacement": "http"},
            {"source_labels": ["kind"], "regex": _DATABASE, "target_label": "__param_module", "replacement": "tcp"},
            *_through(places, "prober"),
        ],
    }  # fmt: skip


def _redis(places: Places) -> dict[str, Any]:
    """Every Redis that an application has registered, by the one exporter."""
    return _job("redis", "redis-exporter", places) | {
        "metrics_path": "/scrape",
        "file_sd_configs": _files(places),
        "relabel_configs": [
            {"source_labels": ["kind"], "regex": _REDIS, "action": "keep"},
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            *_through(places, "redis-exporter"),
        ],
    }


def _through(places: Places, exporter: str) -> Iterator[dict[str, Any]]:
    """Ask `exporter` for the parameter `target`, which the series carry as their `instance`."""
    yield {"source_labels": ["__param_target"], "target_label": "instance"}
    yield {"source_labels": ["__param_target"], "regex": r"(.*://)[^@/]*@(.*)", "target_label": "instance",
           "replacement": "${1}${2}"}  # fmt: skip
    if places.local:
        replaced = f"${{1}}{places.local}${{2}}"
        yield {"source_labels": ["__param_target"], "regex": _LOCAL, "target_label": "__param_target",
               "replacement": replaced}  # fmt: skip
    yield {"target_label": "__address__", "replacement": places.addresses[exporter]}


def _database(settings: Settings, places: Places) -> str:
    if settings.own_database:
        return places.addresses.get("postgres", f"{LOOPBACK}:{settings.postgres_port}")
    parts = urlsplit(settings.database)
    return f"{parts.hostname}:{parts.port or 5432}"


def _files(places: Places) -> list[dict[str, Any]]:
    # inotify reports changes immediately; the interval is for folders that it can't see.
    return [{"files": [f"{places.probes}/*.json"], "refresh_interval": "10s"}]


def _own_target(name: str, address: str, **labels: str) -> dict[str, Any]:
    """A part of the stack, probed by the module that sends what it wants."""
    module = {"__param_module": _MODULES[access.WANTS[name]]} if name in access.WANTS else {}
    return _targets(f"{access.scheme(name)}://{address}", **labels, **module)


def _targets(address: str, **labels: str) -> dict[str, Any]:
    return {"targets": [address], **({"labels": labels} if labels else {})}
