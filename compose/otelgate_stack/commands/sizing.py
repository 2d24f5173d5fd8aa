"""`make sizing`: what each service takes of memory, CPU and disk now, and what a million of each signal takes on disk.

Of the native engine only: containers have `docker stats`. docs/reference/sizing.md has the figures of a measured run.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from .. import access, state
from ..clients import GatewayMetrics, Prometheus, StoreError
from ..clients.audit_store import AuditStore
from ..doctor import hops
from ..engines.engine import Engine
from ..engines.services import services
from ..errors import StackError
from ..report import Report
from ..service_table import STORES, TABLE
from ..settings import Settings

MIB = 1 << 20
# The contents of each store, and the source of the number of its items.
ITEMS = {spec.name: spec.holds for spec in TABLE if spec.holds}
ENOUGH = 1000


@dataclass(frozen=True)
class Usage:
    """One service: resident memory and disk in bytes, CPU in cores (1.0 is one core), processes."""

    name: str
    memory: int
    cpu: float
    disk: int
    processes: int


@dataclass(frozen=True)
class Density:
    """How much a store holds, and what its folder takes, in bytes."""

    store: str
    items: str
    count: int
    disk: int

    @property
    def per_million(self) -> int | None:
        """Bytes for a million items; None for so few that it would be the empty store's own that counts."""
        return round(self.disk / self.count * 1e6) if self.count >= ENOUGH else None


def run(
    settings: Settings, engine: Engine, report: Report, *, seconds: float, since: Path | None, as_json: bool
) -> None:
    """Measure and print. `since`: what this wrote as JSON before; then only what came since is counted.

    Raises StackError where nothing is up.
    """
    before = _read(since) if since else {}
    if seconds <= 0:
        raise StackError(f"--seconds={seconds:g}: expected more than 0")
    used = usage(settings, engine, seconds)
    held = densities(settings, used)
    if before:
        held = [_difference(one, before[one.store]) if one.store in before else one for one in held]
    if as_json:
        rows = [{**asdict(one), "per_million": one.per_million} for one in held]
        report.line(json.dumps({"services": [asdict(one) for one in used], "stores": rows}, indent=2))
        return
    total = Usage(
        "all", *(sum(getattr(one, field) for one in used) for field in ("memory", "cpu", "disk", "processes"))
    )
    report.table([_row(one) for one in (*used, total)], ("service", "processes", "memory", "CPU cores", "disk"))
    report.line()
    shown = [(one.store, f"{one.count:,} {one.items}", _mib(one.disk), _mib(one.per_million)) for one in held]
    report.table(shown, ("store", "holds", "disk", "for a million"))


def usage(settings: Settings, engine: Engine, seconds: float) -> list[Usage]:
    """Every service that is up, CPU over so many seconds. Raises StackError."""
    if engine.name != "native":
        raise StackError("make sizing measures the native engine's processes; for containers: docker stats")
    pids = {status.name: int(status.pid_or_container) for status in engine.status() if status.pid_or_container}
    if not pids:
        raise StackError("nothing is up: `make up` starts the stack")
    trees = {name: _tree(pid) for name, pid in pids.items()}
    before = {name: sum(map(_cpu_s, tree)) for name, tree in trees.items()}
    time.sleep(seconds)
    folders = {service.name: service.data_dir for service in services(settings, list(pids))}
    return [
        Usage(
            name=name,
            memory=sum(map(_memory, tree)),
            cpu=max(0.0, sum(map(_cpu_s, tree)) - before[name]) / seconds,
            disk=state.folder_bytes(folders[name]),
            processes=len(tree),
        )
        for name, tree in trees.items()
    ]


def densities(settings: Settings, used: list[Usage]) -> list[Density]:
    """For each store, how much it holds. Counts are those since the stack was started, where a store tells no more."""
    try:
        counts = _counts(settings)
        sizes = {one.name: one.disk for one in used}
        if settings.audit:
            counts["postgres"], sizes["postgres"] = AuditStore(settings).size()
    except StoreError as error:
        raise StackError(f"cannot count what is stored: {error}") from None
    return [Density(name, items, counts.get(name, 0), sizes[name]) for name, items in ITEMS.items() if name in sizes]


def _read(file: Path) -> dict[str, Density]:
    try:
        rows = json.loads(file.read_text())["stores"]
        return {row["store"]: Density(row["store"], row["items"], row["count"], row["disk"]) for row in rows}
    except (OSError, ValueError, LookupError, TypeError):
        raise StackError(f"--since='{file}': expected a file that `sizing --json` wrote") from None


def _difference(now: Density, before: Density) -> Density:
    return Density(now.store, now.items, now.count - before.count, now.disk - before.disk)


def _counts(settings: Settings) -> dict[str, int]:
    """By store, what the gateway has sent there, and what Prometheus says it took."""
    with GatewayMetrics.of(settings) as gateway:
        sent = [
            (sample.labels["__name__"], sample.labels.get("exporter", ""), sample.value) for sample in gateway.samples()
        ]
    counters = {name: hops.ITEMS[store.signal] for name, store in STORES.items()}
    counts = {
        store: sum(
            value
            for name, to, value in sent
            if store in to and name.removesuffix("_total") == f"otelcol_exporter_sent_{counter}"
        )
        for store, counter in counters.items()
    }
    own = access.options(settings, "prometheus")
    with Prometheus.of(settings) as store, GatewayMetrics(store.url, **own) as prometheus:
        taken = "prometheus_tsdb_head_samples_appended_total"
        counts["prometheus"] = sum(each.value for each in prometheus.samples() if each.labels["__name__"] == taken)
    return {name: round(value) for name, value in counts.items()}


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    """The proportional share, so that PostgreSQL's shared buffers count once."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):
        return 0


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _row(one: Usage) -> tuple[str, ...]:
    return (one.name, str(one.processes), _mib(one.memory), f"{one.cpu:.3f}", _mib(one.disk))


def _mib(size: int | None) -> str:
    return "" if size is None else f"{size / MIB:,.1f} MiB"
