"""Series for a real Prometheus, so that every PromQL of the dashboards can be run on what it will meet.

The derived metrics are made from collector/derive/metrics.yaml, which is what the gateway derives from; the others from
testdata/series.txt, recorded from stacks with traffic:

    python tests/grafana/dashboard_series.py      adds what is there to the file
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from otelgate_stack import access, settings

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).parent / "testdata" / "series.txt"
STEP_S = 30
"""The longest of which a rate over a minute still finds two."""

Labels = dict[str, str]

# Values of the dimensions of derived metrics, one after the other: the same place in each list is one series.
_VALUES: Mapping[str, tuple[str | None, ...]] = {
    "gen_ai.operation.name": ("chat", "chat", "embeddings", "retrieval"),
    "gen_ai.provider.name": ("openai", "anthropic", "openai", None),
    "gen_ai.request.model": ("gpt-4o", "claude-haiku-4-5", "text-embedding-3-small", None),
    "gen_ai.response.model": ("gpt-4o-2024-11-20", "claude-haiku-4-5", None, None),
    "gen_ai.agent.name": ("router", "helper", "helper", "helper"),
    "gen_ai.tool.name": ("search", "compare", "search", "forecast"),
    "gen_ai.workflow.name": ("plan", "plan", "plan", "plan"),
    "gen_ai.evaluation.name": ("retrieval.relevance", "helpfulness", "helpfulness", "helpfulness"),
    "otelgate.tier": ("free", "pro", None, "basic"),
    "otelgate.feature": ("search", "analysis", None, None),
    "otelgate.cost.status": ("priced", "unpriced", "priced", "priced"),
    "otelgate.event.unit": ("EGP", "INR", None, None),
    "error.type": (None, None, "timeout", "_OTHER"),
    "type": ("stt", "tts", "stt", "tts"),
    "rating": ("positive", "negative", "positive", "positive"),
}
_EVENTS: tuple[Labels, ...] = (
    {"event.name": "command.used", "command": "/search"},
    {"event.name": "command.used", "command": "/analyze"},
    {"event.name": "user.signup"},
    {"event.name": "quota.hit", "tier": "free"},
    {"event.name": "subscription.upgraded", "from_tier": "free", "to_tier": "pro"},
    {"event.name": "session.start"},
    {"event.name": "property.search"},
    {"event.name": "reservation", "status": "completed"},
    {"event.name": "reservation", "status": "failed"},
    {"event.name": "voice.command", "status": "success"},
    {"event.name": "voice.command", "status": "failed"},
    {"event.name": "invoice", "operation": "create"},
    {"event.name": "customer", "operation": "update"},
    {"event.name": "payment", "status": "completed"},
)
_SERVICES = ("estate-bot", "osool", "bestbox", "execora")
_SUFFIXES = {"s": "_seconds", "{token}/s": "_per_second"}


def exposed(metric: Mapping[str, Any]) -> str:
    """A derived metric's name in Prometheus, without _bucket, _sum, _count."""
    name = metric["name"].replace(".", "_") + _SUFFIXES.get(metric.get("unit", ""), "")
    return name + "_total" if metric["kind"] == "counter" else name


def derived() -> list[dict[str, Any]]:
    """The list that the gateway derives from."""
    metrics: list[dict[str, Any]] = _plan()["metrics"]
    return metrics


def labels_of(metric: Mapping[str, Any]) -> set[str]:
    """Every label that a derived metric can have, as Prometheus writes it."""
    own = [*metric.get("dimensions", ()), *_plan()["common"]]
    if metric.get("event_attributes"):
        own += _plan()["event_attributes"]
    own += [name for value in metric.get("values", ()) for name in value["set"]]
    return {name.replace(".", "_") for name in own} | {"job", "instance", "le"}


def recorded() -> list[tuple[str, Labels]]:
    """Name and labels of each series in the file."""
    return [_parse(line) for line in RECORDED.read_text().splitlines() if line and not line.startswith("#")]


def names() -> set[str]:
    """Every name of a series that `openmetrics` makes."""
    made = {name for name, _ in recorded()}
    for metric in derived():
        plain = exposed(metric)
        made |= {plain} if metric["kind"] == "counter" else {f"{plain}_{part}" for part in ("bucket", "sum", "count")}
    return made


def openmetrics(start: int, end: int) -> Iterator[str]:
    """Lines for `promtool tsdb create-blocks-from openmetrics`, one sample every 30 s."""
    seen = set()
    for name, labels in [*_derived_series(), *recorded()]:
        inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
        if (name, inside) in seen:
            continue
        seen.add((name, inside))
        rises = name.endswith(("_total", "_bucket", "_sum", "_count"))
        size = _size(name, labels)
        for number, moment in enumerate(range(start, end + 1, STEP_S)):
            value = size * number if rises else size
            yield f"{name}{{{inside}}} {value:g} {moment}"
    yield "# EOF"


def _plan() -> Any:
    return yaml.safe_load((ROOT / "collector/derive/metrics.yaml").read_text())


def _derived_series() -> Iterator[tuple[str, Labels]]:
    bounds = _plan()["buckets"]
    for metric in derived():
        name = exposed(metric)
        for labels in _label_sets(metric):
            if metric["kind"] == "counter":
                yield name, labels
                continue
            for bound in [*bounds[metric["buckets"]], "+Inf"]:
                yield f"{name}_bucket", labels | {"le": str(bound)}
            yield f"{name}_sum", labels
            yield f"{name}_count", labels


def _label_sets(metric: Mapping[str, Any]) -> Iterator[Labels]:
    events = _EVENTS if metric.get("event_attributes") else ({},)
    for service in _SERVICES:
        common = {"service_name": service, "deployment_environment_name": "test", "instance": "gateway"}
        for place in range(4):
            own = {name: _VALUES.get(name, (None,) * 4)[place] for name in metric.get("dimensions", ())}
            for event in events:
                for extra in [value["set"] for value in metric.get("values", ())] or [{}]:
                    given = {key.replace(".", "_"): value for key, value in {**own, **event, **extra}.items() if value}
                    yield common | given


def _size(name: str, labels: Labels) -> float:
    """Its value, or its rise: different for each series, higher for higher buckets."""
    plain = {key: value for key, value in labels.items() if key != "le"}
    text = repr((re.sub("_(bucket|sum|count)$", "", name), sorted(plain.items())))
    base = 1 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:2]) / 65536
    if "le" in labels:
        bound = float(labels["le"])
        return base * (1 if math.isinf(bound) else 1 - math.exp(-bound))
    return base


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _parse(line: str) -> tuple[str, Labels]:
    name, _, inside = line.removesuffix("}").partition("{")
    return name, dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', inside))


def record(loaded: settings.Settings) -> int:
    """Add to the file what a Prometheus has and the gateway does not derive. Returns how many series it has then."""
    answer = access.get(loaded, "prometheus", "/api/v1/series", params={"match[]": '{__name__=~".+"}'}, timeout=60)
    made = {exposed(metric) for metric in derived()}
    lines = {f"{name}{_written(labels)}" for name, labels in recorded()} if RECORDED.exists() else set()
    for labels in answer.raise_for_status().json()["data"]:
        name = labels.pop("__name__")
        if re.sub("_(bucket|sum|count)$", "", name) not in made:
            lines.add(f"{name}{_written(_steady(labels))}")
    RECORDED.write_text("# Recorded by tests/grafana/dashboard_series.py.\n" + "\n".join(sorted(lines)) + "\n")
    return len(lines)


def _steady(labels: Labels) -> Labels:
    """Without what is different on every machine and in every run."""
    ports = {key: re.sub(r"(?<=:)\d{4,5}\b", "0", value) for key, value in labels.items()}
    changing = {"instance", "server_port", "endpoint", "device", "otel_scope_version", "__metrics_gen_instance"}
    kept = {key: value for key, value in ports.items() if key not in changing}
    return kept | ({"instance": "host"} if "instance" in labels else {})


def _written(labels: Labels) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"


if __name__ == "__main__":
    print(f"{record(settings.load())} series in {RECORDED}")
