"""The environment that grafana/provisioning/ needs, and a check that Grafana understands its files.

Grafana ignores a key that it does not know, so a misspelt one goes unnoticed: `problems` knows the keys.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from . import datasources, uids

FOLDER: Final = Path(__file__).resolve().parents[1] / "provisioning"

ENVIRONMENT: Final = {
    "OTELGATE_PROMETHEUS_URL": "Prometheus, as Grafana reaches it",
    "OTELGATE_LOKI_URL": "Loki",
    "OTELGATE_TEMPO_URL": "Tempo",
    "OTELGATE_JAEGER_URL": "Jaeger's query API, where traces go there",
    "OTELGATE_GRAFANA_DATABASE_ADDRESS": "host:port of PostgreSQL",
    "OTELGATE_GRAFANA_DATABASE_NAME": "the audit sink's database",
    "OTELGATE_GRAFANA_DATABASE_SSLMODE": "disable, require, verify-ca or verify-full",
    "OTELGATE_GRAFANA_DASHBOARDS": "the folder grafana/rendered/dashboards/otelgate",
    "OTELGATE_GRAFANA_EXAMPLES": "a folder, empty until `make example` puts the examples' dashboards there",
}
"""Names that the files take from Grafana's environment."""
SECRETS: Final = {
    "secrets/grafana_database_password": "the password of Grafana's role in the database",
    "secrets/stores_password": "the password of `otelgate` at Prometheus and Jaeger",
    "secrets/stores_certificate": "the certificate that is shown to Loki and Tempo (PEM)",
    "secrets/stores_key": "its key (PEM)",
    "secrets/stores_authority": "the authority of their certificates (PEM)",
}
"""Files below the folder that Grafana is started in."""

_SOURCE: Final = {
    "name", "uid", "type", "access", "url", "user", "database", "isDefault", "editable", "jsonData", "secureJsonData",
    "correlations", "orgId", "version", "basicAuth", "basicAuthUser", "withCredentials",
}  # fmt: skip
_LOGS: Final = {
    "datasourceUid", "spanStartTimeShift", "spanEndTimeShift", "tags", "filterByTraceID", "filterBySpanID",
    "customQuery", "query",
}  # fmt: skip
_METRICS: Final = {"datasourceUid", "spanStartTimeShift", "spanEndTimeShift", "tags", "queries"}
_TRACING: Final[dict[str, Any]] = {
    "nodeGraph": {"enabled"},
    "serviceMap": {"datasourceUid"},
    "traceQuery": {"timeShiftEnabled", "spanStartTimeShift", "spanEndTimeShift"},
    "traceIdTimeParams": {"enabled"},
    "tracesToLogsV2": _LOGS,
    "tracesToMetrics": _METRICS,
}
_POSTGRES: Final = (
    "database", "sslmode", "postgresVersion", "timescaledb", "maxOpenConns", "maxIdleConns", "connMaxLifetime",
)  # fmt: skip
_TLS: Final[dict[str, Any]] = {"tlsAuth": None, "tlsAuthWithCACert": None}
_JSON: Final[dict[str, dict[str, Any]]] = {
    "prometheus": {
        "httpMethod": None, "prometheusType": None, "timeInterval": None,
        "exemplarTraceIdDestinations": {"name", "datasourceUid", "url", "urlDisplayLabel"},
    },
    "loki": {
        **_TLS, "maxLines": None,
        "derivedFields": {"name", "matcherType", "matcherRegex", "url", "datasourceUid", "urlDisplayLabel"},
    },
    "tempo": {**_TRACING, **_TLS},
    "jaeger": _TRACING,
    "grafana-postgresql-datasource": dict.fromkeys(_POSTGRES),
}  # fmt: skip
"""Type -> key of jsonData -> its own keys."""
_PROVIDER: Final = {
    "name", "type", "orgId", "folder", "folderUid", "disableDeletion", "allowUiUpdates", "updateIntervalSeconds",
    "options",
}  # fmt: skip


def load(part: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The entries of `datasources` or `providers`, of all files."""
    name = {"datasources": "datasources", "providers": "dashboards"}[part]
    files = sorted((folder / name).glob("*.yaml"))
    return [entry for file in files for entry in yaml.safe_load(file.read_text())[part]]


def expand(value: str, environment: Mapping[str, str]) -> str:
    """A value as Grafana reads it: `$NAME` from the environment, `$$` is a dollar. Raises KeyError."""
    pattern = r"\$\{(\w+)\}|\$(\w+)"
    return "$".join(
        re.sub(pattern, lambda found: environment[found[1] or found[2]], part) for part in value.split("$$")
    )


def problems() -> list[str]:
    """Keys that Grafana does not know, names that it will not find, links that lead nowhere."""
    return [*_source_problems(), *_provider_problems()]


def strings(tree: Any) -> Iterator[str]:
    """Every text in a tree."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, (dict, list)):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from strings(value)


def _source_problems() -> Iterator[str]:
    sources = load("datasources")
    wanted = {uid: kind for uid, kind in datasources.TYPES.items() if uid != uids.MIXED}
    found = {source["uid"]: source["type"] for source in sources}
    if found != wanted:
        yield f"data sources: {found}: expected {wanted}"
    if sum(bool(source.get("isDefault")) for source in sources) != 1:
        yield "data sources: expected one default"
    for source in sources:
        uid = source["uid"]
        yield from (f"{uid}: {what}" for what in _keys(source, _SOURCE))
        known = _JSON.get(source["type"], {})
        yield from (f"{uid}: jsonData: {what}" for what in _keys(source["jsonData"], known))
        for key, inner in known.items():
            value = source["jsonData"].get(key)
            for entry in value if isinstance(value, list) else [value] if isinstance(value, dict) else []:
                yield from (f"{uid}: jsonData.{key}: {what}" for what in _keys(entry, inner or ()))
        yield from (f"{uid}: {what}" for what in _values(source))


def _provider_problems() -> Iterator[str]:
    providers = load("providers")
    folders = {provider["folder"]: provider.get("folderUid") for provider in providers}
    if folders != uids.FOLDER_UIDS:
        yield f"dashboard providers: folders {folders}: expected {uids.FOLDER_UIDS}"
    for provider in providers:
        name = provider["name"]
        yield from (f"{name}: {what}" for what in _keys(provider, _PROVIDER))
        yield from (f"{name}: {what}" for what in _values(provider))
        path = "$OTELGATE_GRAFANA_DASHBOARDS"
        if provider["folder"] == uids.APPLICATIONS_FOLDER:
            path = "$OTELGATE_GRAFANA_EXAMPLES"
        if provider["type"] != "file" or provider["options"] != {"path": path}:
            yield f"{name}: expected type file and options.path {path}"


def _values(tree: dict[str, Any]) -> Iterator[str]:
    """Names of the environment, files and data sources that a value names."""
    for text in strings(tree):
        for file in re.findall(r"\$__file\{([^}]*)\}", text):
            if file not in SECRETS:
                yield f"file {file!r}: expected one of {', '.join(SECRETS)}"
        bare = re.sub(r"\$__file\{[^}]*\}", "", text.replace("$$", ""))
        for name in re.findall(r"\$\{?(\w+)", bare):
            if name not in ENVIRONMENT:
                yield f"${name} is not in the list ENVIRONMENT; a dollar of Grafana's own is written $$"
    for key, value in _pairs(tree):
        if key in ("datasourceUid", "targetUID") and value not in datasources.TYPES:
            yield f"{key} {value!r}: expected one of {', '.join(datasources.TYPES)}"


def _pairs(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        yield from tree.items()
        for value in tree.values():
            yield from _pairs(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _pairs(value)


def _keys(tree: dict[str, Any], known: Any) -> Iterator[str]:
    for key in sorted(set(tree) - set(known)):
        yield f"key {key!r}: expected one of {', '.join(sorted(known))}"
