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
from ..service_spec import CERTIFICATE, PASSWORD, Port, Spec
from ..service_table import ORDER, TABLE
from ..settings import ROWS, Settings
from . import example_files

# Alerts arrive within two minutes of a fault: a probe, the rule's minute, its group's interval, Alertmanager's wait.
PROBE_INTERVAL = "10s"
PROBE_TIMEOUT = "5s"

_MADE = "# Made by `make up`; change compose/otelgate_stack/config/monitoring.py.\n"
# The prober's modules that send what a service wants.
_MODULES = {PASSWORD: "password", CERTIFICATE: "certificate"}
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
    return Places(
        addresses={name: access.address(settings, name) for name in ORDER},
        rules=str(settings.root / "grafana" / "rendered" / "rules"),
        examples=str(example_files.folder(settings) / "rules"),
        probes=str(probes(settings)),
        secrets=access.of(settings),
    )


def _inside(port: Port) -> int:
    """Its number in the container."""
    return port.inside or int(next(row.default for row in ROWS if row.field == port.setting))


# Inside compose's network every service has its own name and usual port (compose.yaml).
DOCKER = Places(
    addresses={spec.name: f"{spec.name}:{_inside(spec.checked)}" for spec in TABLE},
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
    instances = {"node-exporter": platform.node(), "postgres-exporter": _database(settings, places)}
    more = {"redis-exporter": _redis(places), "prober": _probe(settings, services, places)}
    for spec in TABLE:
        if spec.job and spec.name in services:
            labels = {"instance": instances[spec.name]} if spec.name in instances else {}
            itself = {"static_configs": [_targets(addresses[spec.name], **labels)]}
            credentials = access.as_client(spec.name, places.secrets)
            yield {"job_name": spec.job, **credentials, **more.get(spec.name, itself)}


def _probe(settings: Settings, services: Collection[str], places: Places) -> dict[str, Any]:
    own = [
        _own_target(
            spec.name, f"{places.addresses[spec.name]}{spec.health}", service=_service_label(spec), kind=spec.kind
        )
        for spec in TABLE
        if spec.name in services and spec.kind not in ("exporter", _DATABASE)
    ]
    if settings.audit and {"postgres", "audit"} & set(services):
        own.append(_targets(_database(settings, places), service="postgres", kind=_DATABASE))
    return {
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
            *_via_exporter(places, "prober"),
        ],
    }  # fmt: skip


def _redis(places: Places) -> dict[str, Any]:
    """Every Redis that an application has registered, by the one exporter."""
    return {
        "metrics_path": "/scrape",
        "file_sd_configs": _files(places),
        "relabel_configs": [
            {"source_labels": ["kind"], "regex": _REDIS, "action": "keep"},
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            *_via_exporter(places, "redis-exporter"),
        ],
    }


def _service_label(spec: Spec) -> str:
    """The label `service` of its probe: for our own programs, the name in their telemetry."""
    return f"otelgate-{spec.name}" if spec.reader else spec.name


def _via_exporter(places: Places, exporter: str) -> Iterator[dict[str, Any]]:
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
        return places.addresses["postgres"]
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
