"""Writes the tables of docs/reference/metrics.md.

Sources: derive/metrics.yaml for the gateway's derived metrics, the components' metadata.yaml for its own, and the audit
sink's instruments. `make generate` runs it. With --check it writes nothing; exit status 1 if the page differs.
"""

import sys
from collections.abc import Iterator
from typing import Any, Final

import yaml
from generated import MARKDOWN, ROOT, Marked, write
from opentelemetry.metrics import Meter, NoOpMeter, NoOpMeterProvider
from otelgate_audit.process.telemetry import Meters
from otelgate_grafana.names import Instrument, Kind

COLLECTOR: Final = ROOT / "collector"
PAGE: Final = ROOT / "docs/reference/metrics.md"


def derived(source: dict[str, Any]) -> Iterator[Instrument]:
    """The entries of derive/metrics.yaml; labels without those in `common`."""
    for entry in source["metrics"]:
        labels = list(entry["dimensions"])
        labels += [name for value in entry.get("values", ()) for name in value["set"] if name not in labels]
        labels += source["event_attributes"] if entry.get("event_attributes") else []
        yield Instrument(
            entry["name"], entry["kind"], entry.get("unit", ""), entry["description"], tuple(dict.fromkeys(labels))
        )


def own(metadata: dict[str, Any]) -> Iterator[Instrument]:
    """The metrics that a component declares in its metadata.yaml."""
    names = {name: each.get("name_override", name) for name, each in metadata.get("attributes", {}).items()}
    for name, entry in metadata.get("telemetry", {}).get("metrics", {}).items():
        labels = tuple(names[label] for label in entry.get("attributes", ()))
        full = entry.get("prefix", "otelcol_") + name
        yield Instrument(full, kind(entry), entry["unit"], entry["description"].strip(), labels)


def kind(entry: dict[str, Any]) -> Kind:
    if "sum" in entry:
        return "counter" if entry["sum"].get("monotonic") else "updown"
    return "histogram" if "histogram" in entry else "gauge"


class Recorder(NoOpMeterProvider):
    """Notes the instruments that are created."""

    def __init__(self) -> None:
        self.instruments: list[Instrument] = []

    def get_meter(self, name: str, *args: Any, **options: Any) -> Meter:
        return RecordingMeter(name, self.instruments)


class RecordingMeter(NoOpMeter):
    def __init__(self, name: str, instruments: list[Instrument]) -> None:
        super().__init__(name)
        self._made = instruments

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Any:
        self._made.append(Instrument(name, "counter", unit, description))
        return super().create_counter(name, unit, description)

    def create_histogram(self, name: str, unit: str = "", description: str = "", **options: Any) -> Any:
        self._made.append(Instrument(name, "histogram", unit, description))
        return super().create_histogram(name, unit, description)

    def create_observable_gauge(self, name: str, callbacks: Any = None, unit: str = "", description: str = "") -> Any:
        self._made.append(Instrument(name, "gauge", unit, description))
        return super().create_observable_gauge(name, callbacks, unit, description)


def of_sink() -> list[Instrument]:
    recorder = Recorder()
    meters = Meters(recorder)
    meters.queue_age(lambda: 0)
    meters.ready(lambda: True)
    return recorder.instruments


def table(instruments: Iterator[Instrument] | list[Instrument], *, labels: bool = True) -> str:
    """One row for each metric, by name."""
    heads = ["metric", "type", "meaning", *(["labels"] if labels else [])]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for each in sorted(instruments, key=lambda each: each.series):
        cells = [f"`{each.series}`", "gauge" if each.kind == "updown" else each.kind, each.description]
        if labels:
            cells.append(", ".join(f"`{name.replace('.', '_')}`" for name in each.attributes))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def page() -> str:
    source = yaml.safe_load((COLLECTOR / "derive/metrics.yaml").read_text())
    components = [yaml.safe_load(file.read_text()) for file in sorted(COLLECTOR.glob("*/metadata.yaml"))]
    made = Marked(PAGE.read_text(), MARKDOWN)
    made.replace("derived", table(derived(source)))
    made.replace("gateway", table([each for component in components for each in own(component)]))
    made.replace("audit sink", table(of_sink(), labels=False))
    return made.text


if __name__ == "__main__":
    sys.exit(write({PAGE: page()}))
