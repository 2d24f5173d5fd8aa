"""The path of each signal behind the gateway, and the report of a hop at which it stops."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import state, target
from ..clients import READERS, AuditSink, GatewayMetrics, Reader, StoreError
from ..clients.audit_store import AuditStore
from ..engines.stack import data_folders
from ..service_table import SPECS, STORES, TABLE, runs
from ..settings import PREFIX, Settings
from .canary import EVENT, SERVICE, Canary

ITEMS = {"traces": "spans", "logs": "log_records", "metrics": "metric_points"}
Counters = Mapping[str, float]

_KEPT = ", ".join(dict.fromkeys(f"{PREFIX}{spec.retention.upper()}" for spec in TABLE if spec.retention))
_ROOM = f"make room on that disk, or keep less ({_KEPT}, OTELGATE_QUEUE_BYTES): nothing is taken while it is full"


@dataclass(frozen=True)
class Hop:
    """One step of a canary's way. `ok` is None when it wasn't looked at; `seconds` since it was sent."""

    signal: str
    name: str
    ok: bool | None
    seconds: float
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Route:
    """One exporter of the gateway and what is behind it; `arrived` counts the canaries found in the store."""

    signal: str
    exporter: str
    service: str
    name: str
    store: Reader | AuditSink
    endpoint: str
    arrived: Callable[[Canary], int]

    @property
    def setting(self) -> str:
        """The setting that says where the gateway sends to."""
        return f"OTELGATE_{self.service.upper()}_ENDPOINT"

    @property
    def exported_hop(self) -> str:
        return f"gateway → {self.name}"

    @property
    def stored_hop(self) -> str:
        return f"{self.name} → PostgreSQL" if isinstance(self.store, AuditSink) else f"{self.name} answers"

    @property
    def evidence(self) -> str:
        """The line for two canaries that arrived."""
        if not isinstance(self.store, AuditSink):
            return f"{self.store.url} answers with both"
        rows = "the run and its tool call" if self.signal == "traces" else "the vote and the product event"
        return f"{rows} are rows"

    def closed(self) -> bool:
        """Whether nothing can come through now, however long one waits."""
        return not (self.store.ready() if isinstance(self.store, AuditSink) else self.store.reachable())

    def sent(self, counters: Counters) -> float:
        """Items that the exporter has delivered since the gateway's start."""
        return counters.get(f"otelcol_exporter_sent_{ITEMS[self.signal]}/{self.exporter}", 0)

    def dropped(self, counters: Counters) -> float:
        """Items that the store refused for good, of all signals, and what the gateway lost of this one."""
        lost = counters.get(f"otelcol_exporter_send_failed_{ITEMS[self.signal]}/{self.exporter}", 0)
        return lost + counters.get(f"otelgate_rejected_items/{self.exporter}", 0)

    def waiting(self, counters: Counters) -> float:
        """The data in the exporter's two queues, in bytes."""
        queues = (self.exporter, f"{self.exporter}-refused")
        return sum(counters.get(f"otelcol_exporter_queue_size/{queue}", 0) for queue in queues)

    def held(self, counters: Counters) -> str:
        """The waiting data, their place, and whether they survive the end of the gateway."""
        if self.signal == "metrics":
            return (
                f"{self.waiting(counters):,.0f} bytes wait in the gateway's memory; a restart of the gateway would"
                " lose them, and the next ones carry the totals"
            )
        return f"{self.waiting(counters):,.0f} bytes wait in the gateway's queue on disk, and nothing is lost"


def routes(settings: Settings) -> list[Route]:
    """Every way from the gateway to a store, as its settings say."""
    stores = sorted(STORES, key=lambda name: list(ITEMS).index(STORES[name].signal))
    found = [_route(name, settings) for name in stores if runs(SPECS[name], settings)]
    return [*found, *(_audit_routes(settings) if settings.audit else [])]


def _route(name: str, settings: Settings) -> Route:
    store, reader = STORES[name], READERS[name].of(settings)

    def arrived(canary: Canary) -> int:
        asked = {"service": SERVICE, "trace_id": canary.trace_id, "made_s": canary.made_s}
        return reader.count(store.question.format_map(asked))

    return Route(
        store.signal, store.exporter, name, store.title, reader, getattr(settings, f"{name}_endpoint"), arrived
    )


def _audit_routes(settings: Settings) -> list[Route]:
    """The agent's run with its tool call, and the vote with the product event, as rows."""
    sink, store = AuditSink.of(settings), AuditStore(settings)

    def turn(canary: Canary) -> int:
        _raise_if_rejected(store, canary)
        return sum(row["runs"] + row["tool_calls"] for row in store.turns([canary.trace_id]))

    def events(canary: Canary) -> int:
        _raise_if_rejected(store, canary)
        return len(store.feedback(canary.trace_id)) + len(store.events(EVENT, canary.trace_id))

    exporter, name, endpoint = "otlp_grpc/audit", "audit sink", settings.audit_endpoint
    return [
        Route("traces", exporter, "audit", name, sink, endpoint, turn),
        Route("logs", exporter, "audit", name, sink, endpoint, events),
    ]


def _raise_if_rejected(store: AuditStore, canary: Canary) -> None:
    for row in store.rejects(canary.trace_id):
        raise StoreError(store.url, f"the sink rejected a canary ({row['signal']}): {row['reason']}")


def counters(gateway: GatewayMetrics) -> dict[str, float] | None:
    """The gateway's own counters by `name/component`, added up over all other labels; None when it doesn't answer."""
    try:
        samples = gateway.samples()
    except StoreError:
        return None
    found: dict[str, float] = {}
    for sample in samples:
        component = next(
            (sample.labels[kind] for kind in ("exporter", "receiver", "store") if kind in sample.labels), ""
        )
        # The Prometheus exporter adds _total to counters or not, as it is configured.
        key = sample.labels["__name__"].removesuffix("_total") + "/" + component
        found[key] = found.get(key, 0) + sample.value
    return found


def disk_hops(settings: Settings) -> list[Hop]:
    """Free space of the stores' and the gateway's disks: a full disk loses every signal in turn."""
    return [
        Hop("disk", ", ".join(disk.holds), not disk.low, 0.0, str(disk), _ROOM if disk.low else "")
        for disk in state.disks(data_folders(settings))
    ]


def room(settings: Settings) -> str:
    """The fix for a full disk; empty if none is full."""
    return next((hop.fix for hop in disk_hops(settings) if not hop.ok), "")


_COUNTED_ANYWAY = {"resent", "late", "derived"}
"""Why a point of an application's metric is dropped whose value is in the totals all the same."""


def changed(gateway: GatewayMetrics) -> list[Hop]:
    """Items cut, corrected, refused, dropped or found by the gateway since its start: a hop of each signal with any.

    It is no fault of the stack, so `ok` is None.
    """
    try:
        samples = gateway.samples()
    except StoreError:
        return []
    found: dict[str, list[str]] = {}
    for sample in samples:
        name, labels = sample.labels["__name__"].removesuffix("_total"), sample.labels
        if name == "otelgate_intake_items" and sample.value:
            what = f"{sample.value:,.0f} {labels['action']} ({labels['reason']})"
            found.setdefault(labels["signal"], []).append(what)
        elif name == "otelgate_intake_requests" and sample.value:
            what = f"{sample.value:,.0f} requests refused ({labels['reason']}, {labels['transport']})"
            found.setdefault("gateway", []).append(what)
        elif name == "otelgate_accumulate_dropped" and sample.value:
            reason = labels["otelgate_accumulate_reason"]
            if reason not in _COUNTED_ANYWAY:
                found.setdefault("metrics", []).append(f"{sample.value:,.0f} points dropped ({reason})")
        elif name == "otelgate_derive_journal_damaged" and sample.value:
            what = f"{sample.value:,.0f} damaged files with derived totals set aside"
            found.setdefault(labels["otelgate_derive_signal"], []).append(what)
        elif name == "otelgate_queue_orphaned" and sample.value:
            queue = labels["otelgate_queue"]
            what = f"{sample.value:,.0f} items in the queue of {queue} that it did not know of, sent late"
            found.setdefault("gateway", []).append(what)
    fix = (
        "docs/reference/limits.md explains the reasons;"
        " `make logs SERVICE=gateway` names the senders of what was refused"
    )
    return [
        Hop(signal, "intake", None, 0.0, f"since the gateway started: {', '.join(sorted(what))}", fix)
        for signal, what in sorted(found.items())
    ]


def why_not_exported(route: Route, before: Counters, now: Counters) -> tuple[str, str]:
    """The reason why a canary waits at the gateway's exporter, and the fix."""
    if (dropped := route.dropped(now) - route.dropped(before)) > 0:
        return (
            f"{route.name} refused it for good, and the gateway rejected {dropped:g} {ITEMS[route.signal]}",
            "`make logs SERVICE=gateway` shows its answer, and rejects.jsonl in OTELGATE_DATA_DIR each item",
        )
    if not route.store.reachable():
        return (
            f"{route.name} does not answer at {route.store.url}; {route.held(now)}",
            f"start {route.name} with `make up`; if it stops again, `make logs SERVICE={route.service}` says why",
        )
    if isinstance(route.store, AuditSink) and (problem := _problem(route.store)):
        return (
            f"{route.name} takes nothing, since it can't commit ({problem}); {route.held(now)}",
            "`make status` shows whether PostgreSQL runs, `make up` starts it; `make logs SERVICE=audit` says more",
        )
    if route.waiting(now) > 0:
        return (
            f"{route.name} answers at {route.store.url}, but the gateway gets nothing to it; {route.held(now)}",
            f"check {route.setting}='{route.endpoint}', and see `make logs SERVICE=gateway`",
        )
    return (f"{route.exporter} has sent nothing, and nothing waits in its queue", "see `make logs SERVICE=gateway`")


def where_it_stops(route: Route) -> str:
    """The hop at which an undelivered canary waits: a sink that can't commit accepts nothing."""
    behind = isinstance(route.store, AuditSink) and route.store.reachable() and not route.store.ready()
    return route.stored_hop if behind else route.exported_hop


def _problem(sink: AuditSink) -> str:
    try:
        return sink.problem()
    except StoreError as error:
        return str(error)


def why_not_stored(route: Route, problem: str) -> tuple[str, str]:
    """The report of a canary that the gateway delivered and the store doesn't show."""
    if isinstance(route.store, AuditSink):
        return f"{route.name} took it, and the row is not there: {problem}", "see `make logs SERVICE=audit`"
    if not route.store.ready():
        return (
            f"{route.name} took it, and is not ready to answer: {problem}",
            f"see `make logs SERVICE={route.service}`",
        )
    return (
        f"{route.name} took it, and does not answer with it: {problem}",
        f"see `make logs SERVICE={route.service}`;"
        f" is {route.setting}='{route.endpoint}' the {route.name} at {route.store.url}?",
    )


def why_refused(kind: str, settings: Settings, environ: Mapping[str, str]) -> str:
    """The fix for a canary that the gateway did not accept; `kind` is RefusedError's."""
    match kind:
        case "closed":
            return "start the gateway with `make up`; if it stops again, `make logs SERVICE=gateway` says why"
        case "tls" if settings.tls_cert_file is None:
            return (
                "is something else on this port, or does the gateway want TLS?"
                " Then set OTELGATE_TLS_CERT_FILE, here as for the gateway"
            )
        case "tls":
            return (
                "set OTEL_EXPORTER_OTLP_CERTIFICATE to the certificate of the authority that signed the gateway's"
                " (without it, OTELGATE_TLS_CERT_FILE is trusted as it is); if the host's name is what does not match,"
                " set OTEL_EXPORTER_OTLP_ENDPOINT=https://NAME:PORT"
            )
        case "client":
            return f"{target.CLIENT_CERTIFICATE} and {target.CLIENT_KEY} must name a certificate and its key, as PEM"
        case "token" if environ.get("OTEL_EXPORTER_OTLP_HEADERS"):
            return "OTEL_EXPORTER_OTLP_HEADERS must hold authorization=Bearer%20TOKEN with the gateway's token"
        case "token" if settings.token_file:
            return (
                f"the gateway started with another token than the one in OTELGATE_TOKEN_FILE='{settings.token_file}':"
                " restart it with `make down && make up`"
            )
        case "token":
            return (
                "set OTELGATE_TOKEN_FILE, here as for the gateway; in applications,"
                " OTEL_EXPORTER_OTLP_HEADERS='authorization=Bearer%20TOKEN'"
            )
        case "full":
            return "a store is away for too long: start it with `make up`, or raise OTELGATE_QUEUE_BYTES"
        case "disk":
            return "make room on the disk of OTELGATE_DATA_DIR, or set it to a folder on another; what waits is kept"
        case "memory":
            return f"raise OTELGATE_MEMORY_LIMIT_MIB (now {settings.memory_limit_mib}); clients try again meanwhile"
        case _:
            return "`make logs SERVICE=gateway` says more"
