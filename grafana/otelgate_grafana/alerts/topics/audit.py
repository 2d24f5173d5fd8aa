"""The audit trail: missing or refused rows, failing jobs, a sink or keeper that is unavailable or behind."""

from typing import Final

from ...uids import CONVERSATION_AUDIT, GATEWAY
from ..cases import series
from ..expressions import grown, limit
from ..model import Alert, Case, Expected

_SINK: Final = {"job": "otelgate-audit", "instance": "sink:4320", "service_name": "otelgate-audit"}
_KEEPER: Final = {"job": "otelgate-keeper", "instance": "sink:4323", "service_name": "otelgate-keeper"}
_MISSING: Final = "otelgate_audit_reconciliation_missing"

_CALLS: Final = {"service_name": "osool", "otelgate_audit_quantity": "calls"}

AUDIT_ROWS_MISSING: Final = Alert(
    name="AuditRowsMissing",
    group="otelgate-audit-alerts",
    expr=f"max by (service_name, otelgate_audit_quantity) ({_MISSING}) > 0",
    # A window with a difference is compared again a minute later: rows under way have arrived by then.
    for_="10m",
    severity="critical",
    team="platform",
    summary="The audit trail lacks {{ $labels.otelgate_audit_quantity }} of {{ $labels.service_name }}: "
    "{{ $value | humanize }}",
    description="The gateway counted runs, model calls or their cost in USD in the last hour, and the audit database "
    "has no rows of them.",
    dashboard=CONVERSATION_AUDIT,
    fires=Case({series(_MISSING, **_CALLS): "0x4 3x40"}, "13m", (Expected(_CALLS, "3"),)),
    quiet=(
        Case({series(_MISSING, **_CALLS): "0x60"}, "13m", why="all there"),
        Case({series(_MISSING, **_CALLS): "0x4 3x10 0x60"}, "13m", why="they came within 10 minutes"),
        Case({}, "13m", why="nothing was ever compared"),
    ),
)

_KIND: Final = {"otelgate_audit_kind": "runs"}

AUDIT_REJECTING: Final = Alert(
    name="AuditRejecting",
    group="otelgate-audit-alerts",
    expr=grown("otelgate_audit_rejected_total", "15m", by="otelgate_audit_kind") + " > 0",
    for_="0s",
    severity="critical",
    team="platform",
    summary="The audit sink could not store {{ $value | humanize }} records of {{ $labels.otelgate_audit_kind }}",
    description="In the last 15 minutes. The gateway only logs a partial refusal, and does not resend the records.",
    dashboard=CONVERSATION_AUDIT,
    fires=Case({series("otelgate_audit_rejected_total", **_SINK, **_KIND): "_x10 1x30"}, "8m", (Expected(_KIND, "1"),)),
    quiet=(
        Case({series("otelgate_audit_rejected_total", **_SINK, **_KIND): "5x120"}, "40m", why="rejected long ago"),
        Case({series("otelgate_audit_accepted_total", **_SINK, **_KIND): "0+5x60"}, "20m", why="all accepted"),
    ),
)

_JOB: Final = {"otelgate_audit_job": "reconcile"}

AUDIT_JOB_FAILING: Final = Alert(
    name="AuditJobFailing",
    group="otelgate-audit-alerts",
    expr=grown("otelgate_audit_job_failures_total", "15m", by="otelgate_audit_job") + " > 0",
    for_="10m",
    severity="warning",
    team="platform",
    summary="The audit store's job {{ $labels.otelgate_audit_job }} failed {{ $value | humanize }} times in 15 minutes",
    description="It retries automatically. Until then its work is suspended: gauges, comparison, retention, ledger "
    "heads, partitions.",
    dashboard=CONVERSATION_AUDIT,
    fires=Case(
        {series("otelgate_audit_job_failures_total", **_KEEPER, **_JOB): "_x10 1+1x60"}, "17m", (Expected(_JOB, "25"),)
    ),
    quiet=(
        Case(
            {series("otelgate_audit_job_failures_total", **_KEEPER, **_JOB): "_x10 1x60"},
            "14m",
            why="not yet 10 minutes",
        ),
        Case({series("otelgate_audit_job_failures_total", **_KEEPER, **_JOB): "9x90"}, "40m", why="failed long ago"),
    ),
)

_AGE: Final = "otelgate_audit_queue_age_seconds"
# A gateway with OTELGATE_AUDIT=false has no such exporter, and nothing is absent.
_SENT: Final = 'and on () (count(otelcol_exporter_queue_capacity{exporter="otlp_grpc/audit"}) > 0)'
_EXPORTS: Final = series(
    "otelcol_exporter_queue_capacity", instance="gw-1", exporter="otlp_grpc/audit", data_type="traces"
)

AUDIT_SINK_ABSENT: Final = Alert(
    name="AuditSinkAbsent",
    group="otelgate-audit-alerts",
    expr=f"absent_over_time({_AGE}[3m])\n{_SENT}",
    for_="2m",
    severity="critical",
    team="platform",
    summary="The audit sink sends no metrics",
    description="Turns wait in the gateway's queue on disk until it is back.",
    dashboard=GATEWAY,
    silent_while=("GatewayAbsent",),
    fires=Case({series(_AGE, **_SINK): "0x10 _x40", _EXPORTS: "1000x60"}, "12m", (Expected({}),)),
    quiet=(
        Case({series(_AGE, **_SINK): "0x10 _x6 0x40", _EXPORTS: "1000x60"}, "9m", why="a restart"),
        Case({}, "12m", why="no gateway sends to it"),
    ),
)

_READY: Final = "otelgate_audit_keeper_ready"

AUDIT_KEEPER_ABSENT: Final = Alert(
    name="AuditKeeperAbsent",
    group="otelgate-audit-alerts",
    expr=f"absent_over_time({_READY}[3m])\n{_SENT}",
    for_="2m",
    severity="critical",
    team="platform",
    summary="The keeper of the audit store sends no metrics",
    description="Turns are stored. But sessions and users are not counted, nothing is compared, no head of the "
    "ledger leaves the database, and expired data are not deleted.",
    dashboard=GATEWAY,
    silent_while=("GatewayAbsent",),
    fires=Case({series(_READY, **_KEEPER): "1x10 _x40", _EXPORTS: "1000x60"}, "12m", (Expected({}),)),
    quiet=(
        Case({series(_READY, **_KEEPER): "1x10 _x6 1x40", _EXPORTS: "1000x60"}, "9m", why="a restart"),
        Case({}, "12m", why="no gateway sends to the audit store"),
    ),
)

AUDIT_QUEUE_OLD: Final = Alert(
    name="AuditQueueOld",
    group="otelgate-audit-alerts",
    expr=f"max by (instance) ({_AGE}) > {limit('AuditQueueOld')}",
    for_="5m",
    severity="warning",
    team="platform",
    summary="A batch has waited {{ $value | humanizeDuration }} in the audit sink {{ $labels.instance }}",
    description="The database is slow or unavailable; the gateway keeps the data that the sink does not accept.",
    dashboard=GATEWAY,
    fires=Case({series(_AGE, **_SINK): "45x30"}, "6m", (Expected({"instance": "sink:4320"}, "45s"),)),
    quiet=(
        Case({series(_AGE, **_SINK): "30x30"}, "6m", why="30 s, and not more"),
        Case({series(_AGE, **_SINK): "45x6 0x30"}, "6m", why="over after 3 minutes"),
    ),
)
