"""settings.yaml: the only place of every threshold. Raises SettingError for an invalid value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

FILE: Final = Path(__file__).with_name("settings.yaml")
UNITS: Final = ("share", "s", "USD", "requests/s", "errors/min", "connections", "sessions", "closes")


class SettingError(ValueError):
    """Names the setting, its value, and the expected value."""


@dataclass(frozen=True)
class Threshold:
    """A limit by service. `default` is None if only the named services have one."""

    unit: str
    default: float | None
    services: Mapping[str, float] = field(default_factory=dict)

    def of(self, service: str) -> float | None:
        return self.services.get(service, self.default)

    def text(self) -> str:
        """For a description: `2 s; execora 1 s`."""
        parts = [] if self.default is None else [shown(self.default, self.unit)]
        own = sorted((name, value) for name, value in self.services.items() if value != self.default)
        return "; ".join([*parts, *(f"{name} {shown(value, self.unit)}" for name, value in own)])


@dataclass(frozen=True)
class Objective:
    """The share of good events by service; `seconds`: the longest time that counts as good, for objectives on time."""

    default: float
    seconds: float | None = None
    services: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    links: Mapping[str, str]
    min_events: int
    min_measurements: int
    min_probes: int
    thresholds: Mapping[str, Threshold]
    limits: Mapping[str, Threshold]
    model_hosts: str
    derive_max_series: int
    objectives: Mapping[str, Objective]


def shown(value: float, unit: str) -> str:
    """A limit as people write it."""
    if unit == "share":
        return f"{value * 100:g} %"
    return f"${value:g}" if unit == "USD" else f"{value:g} {unit}"


@cache
def load() -> Settings:
    """The shipped settings, or the operator's."""
    return parse(yaml.safe_load(FILE.read_text()))


def parse(raw: Mapping[str, Any]) -> Settings:
    names = set(Settings.__dataclass_fields__)
    for name in raw:
        if name not in names:
            raise SettingError(f"{name}: expected one of {', '.join(sorted(names))}")
    for name in sorted(names - set(raw)):
        raise SettingError(f"{name}: missing")
    links = raw["links"]
    if not isinstance(links, dict) or set(links) != {"runbooks", "dashboards"}:
        raise SettingError(f"links={links!r}: expected runbooks and dashboards")
    return Settings(
        links=links,
        min_events=_count("min_events", raw["min_events"]),
        min_measurements=_count("min_measurements", raw["min_measurements"]),
        min_probes=_count("min_probes", raw["min_probes"]),
        thresholds={name: _threshold(f"thresholds.{name}", row) for name, row in raw["thresholds"].items()},
        limits={name: _limit(f"limits.{name}", row) for name, row in raw["limits"].items()},
        model_hosts=str(raw["model_hosts"]),
        derive_max_series=_count("derive_max_series", raw["derive_max_series"]),
        objectives={name: _objective(f"objectives.{name}", row) for name, row in raw["objectives"].items()},
    )


def _threshold(name: str, row: Mapping[str, Any]) -> Threshold:
    _keys(name, row, {"unit", "default"}, {"services"})
    default = None if row["default"] == "none" else _number(f"{name}.default", row["default"], row["unit"])
    services = row.get("services", {})
    if default is None and not services:
        raise SettingError(f"{name}.default=none: expected a number, or limits under services")
    return Threshold(_unit(name, row["unit"]), default, _by_service(name, services, row["unit"]))


def _limit(name: str, row: Mapping[str, Any]) -> Threshold:
    _keys(name, row, {"unit", "value"}, set())
    return Threshold(_unit(name, row["unit"]), _number(f"{name}.value", row["value"], row["unit"]))


def _objective(name: str, row: Mapping[str, Any]) -> Objective:
    _keys(name, row, {"default"}, {"services", "seconds"})
    default = _number(f"{name}.default", row["default"], "share")
    services = _by_service(name, row.get("services", {}), "share")
    for value in (default, *services.values()):
        if not 0 < value < 1:
            raise SettingError(f"{name}={value:g}: expected a share between 0 and 1, both excluded")
    seconds = row.get("seconds")
    return Objective(default, None if seconds is None else _number(f"{name}.seconds", seconds, "s"), services)


def _by_service(name: str, services: Any, unit: str) -> dict[str, float]:
    if not isinstance(services, dict):
        raise SettingError(f"{name}.services={services!r}: expected service: limit")
    return {str(service): _number(f"{name}.services.{service}", value, unit) for service, value in services.items()}


def _keys(name: str, row: Any, needed: set[str], optional: set[str]) -> None:
    if not isinstance(row, dict) or not needed <= set(row) <= needed | optional:
        raise SettingError(
            f"{name}={row!r}: expected {', '.join(sorted(needed))}" + "".join(f", {o}" for o in optional)
        )


def _unit(name: str, unit: Any) -> str:
    if unit not in UNITS:
        raise SettingError(f"{name}.unit={unit!r}: expected one of {', '.join(UNITS)}")
    return str(unit)


def _number(name: str, value: Any, unit: str) -> float:
    most = 1.0 if unit == "share" else float("inf")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise SettingError(f"{name}={value!r}: expected a number of at least 0" + (" and at most 1" * (most == 1)))
    return float(value)


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingError(f"{name}={value!r}: expected a whole number of at least 1")
    return value
