"""The lower rows of Service health: dependencies, processes and hosts."""

from otelgate_grafana import links, names, uids
from otelgate_grafana.layout import Row
from otelgate_grafana.panels import AMBER, GREEN, RED, gauge, rising, timeseries
from otelgate_grafana.promql import DATABASE, quantile, rate, select
from otelgate_grafana.queries import prom

_AGENTS = links.dashboard(uids.AGENT_PERFORMANCE, "Agent performance")
_MISSION = links.dashboard(uids.MISSION_CONTROL, "Mission control")
_GATEWAY = links.dashboard(uids.GATEWAY, "Gateway")

_USED = select(names.DATABASE_CONNECTIONS.series, where='state="used"')
_STATEMENTS = select(f"{DATABASE}_count")
_BUCKETS = select(f"{DATABASE}_bucket")
_THREE = (0.5, 0.95, 0.99)
_BREAKER = "service_name, osool_circuit_breaker_name"

_FILES = 'fstype!~"tmpfs|devtmpfs|ramfs|squashfs|iso9660"'
_FREE = f"min by (instance, mountpoint) (node_filesystem_avail_bytes{{{_FILES}}})"
_SIZE = f"min by (instance, mountpoint) (node_filesystem_size_bytes{{{_FILES}}} > 0)"
_MEMORY = "sum by (instance) (node_memory_MemAvailable_bytes) / sum by (instance) (node_memory_MemTotal_bytes)"
_REDIS = "max by (instance) (redis_memory_used_bytes)"
# Without a limit, Redis can use all of the host's memory.
_REDIS_LIMIT = (
    f"(max by (instance) (redis_memory_max_bytes > 0) or 0 * {_REDIS} + scalar(max(node_memory_MemTotal_bytes)))"
)
_HITS = "sum by (instance) (rate(redis_keyspace_hits_total[$__rate_interval]))"
_MISSES = "sum by (instance) (rate(redis_keyspace_misses_total[$__rate_interval]))"
_NET = '{device!="lo"}'

BREAKERS = timeseries(
    "Circuit breakers",
    [
        prom(
            f"max by ({_BREAKER}) ({select(names.BREAKER_STATE.series)})",
            "{{service_name}} {{osool_circuit_breaker_name}}",
        )
    ],
    unit="none",
    high=2,
    decimals=0,
    description="closed: calls go through; half-open: one is tried; open: none is made. "
    "If several processes have the breaker, the worst of them.",
    thresholds=rising(1, 2),
    mappings=(("0", "closed", GREEN), ("1", "half-open", AMBER), ("2", "open", RED)),
    normally_empty="only applications with circuit breakers have any",
    covers=("B20",),
    alerts=("CircuitBreakerOpen",),
    links=[_MISSION],
)

_DATABASE = Row(
    "Databases, cache, circuit breakers",
    gauge(
        "Database connections",
        [prom(f"sum by (service_name) ({_USED})", "{{service_name}}", instant=True)],
        unit="short",
        high=50,
        width=6,
        height=8,
        description="Connections in use, of a pool of 50. Above 40, requests may soon wait for one.",
        thresholds=rising(None, 40),
        covers=("B10",),
        alerts=("DbConnectionsHigh",),
        links=[_MISSION],
    ),
    timeseries(
        "Statements",
        [prom(rate(_STATEMENTS, by="service_name, db_operation_name"), "{{service_name}} {{db_operation_name}}")],
        unit="ops",
        stack=True,
        width=9,
        description="Statements that applications sent to their databases, a second. Far more than requests: a "
        "statement "
        "in a loop.",
        covers=("D5",),
        links=[_MISSION],
    ),
    timeseries(
        "Statement time",
        [prom(quantile(share, _BUCKETS), f"P{share * 100:g}") for share in _THREE],
        unit="s",
        width=9,
        description="P50, P95 and P99 of the duration of statements, as measured by the application: including the "
        "network, "
        "without the wait for a connection.",
        thresholds=rising(None, 1),
        covers=("D11",),
        alerts=("DbQuerySlow",),
        links=[_MISSION],
    ),
    timeseries(
        "Statement time by operation, P95",
        [
            prom(
                f"topk(10, {quantile(0.95, _BUCKETS, by='service_name, db_operation_name')})",
                "{{service_name}} {{db_operation_name}}",
            )
        ],
        unit="s",
        description="95 % of statements of the kind are faster; the ten slowest kinds. The slowest may lack an index.",
        thresholds=rising(None, 1),
        covers=("B11", "D5"),
        alerts=("DbQuerySlow",),
        links=[_MISSION],
    ),
    BREAKERS,
    gauge(
        "Redis memory",
        [prom(f"{_REDIS} / {_REDIS_LIMIT}", "{{instance}}", instant=True)],
        unit="percentunit",
        high=1,
        width=6,
        height=8,
        description="Share of its limit (`maxmemory`) that Redis uses, or of the host's memory if it has none. When "
        "full, it "
        "evicts keys or refuses writes.",
        thresholds=rising(0.7, 0.85),
        covers=("B12",),
        links=[_MISSION],
    ),
    timeseries(
        "Redis hits",
        [prom(f"{_HITS} / ({_HITS} + {_MISSES} > 0)", "{{instance}}")],
        unit="percentunit",
        high=1,
        width=18,
        description="Share of lookups that found their key. A fall: keys expire too soon, or memory is full.",
        normally_empty="there are no lookups",
        links=[_MISSION],
    ),
)

_PROCESSES = Row(
    "Processes",
    timeseries(
        "CPU of processes",
        [prom(rate(select(names.PROCESS_CPU.series), by="service_name"), "{{service_name}}")],
        unit="percentunit",
        description="CPU time a second of each service's processes together; 100 % is one core.",
        covers=("D4",),
        links=[_MISSION],
    ),
    timeseries(
        "Memory of processes",
        [prom(f"sum by (service_name) ({select(names.PROCESS_MEMORY.series)})", "{{service_name}}")],
        unit="bytes",
        description="Resident memory (RSS) of each service's processes together. A line that only rises is a leak.",
        covers=("D4",),
        links=[_MISSION],
    ),
)

_HOSTS = Row(
    "Hosts",
    timeseries(
        "CPU by core",
        [
            prom(
                '1 - avg by (instance, cpu) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))',
                "{{instance}} {{cpu}}",
            )
        ],
        unit="percentunit",
        high=1,
        description="Utilization of each core. One at 100 % while others idle: work runs on a single thread.",
        covers=("B17",),
        links=[_GATEWAY],
    ),
    timeseries(
        "Memory",
        [
            prom(f"1 - {_MEMORY}", "{{instance}}"),
            prom(f"max by (service_name, hw_id) ({select(names.GPU_MEMORY.series)})", "{{service_name}} GPU {{hw_id}}"),
        ],
        unit="percentunit",
        high=1,
        description="Used memory of each host without caches, and of the GPUs if an "
        "application reports it. Over 85 % an alert warns; for hosts and GPUs of model servers over 90 %.",
        thresholds=rising(0.85, 0.9),
        covers=("C6", "B18", "KPI15"),
        alerts=("HostMemoryHigh", "ModelHostMemoryHigh"),
        links=[_GATEWAY],
    ),
    timeseries(
        "Disks",
        [prom(f"1 - {_FREE} / {_SIZE}", "{{instance}} {{mountpoint}}")],
        unit="percentunit",
        high=1,
        description="Used space of each file system. The stores and the gateway's queue are on disk: when it is full, "
        "they refuse data.",
        thresholds=rising(0.8, 0.9),
        covers=("B19",),
        links=[_GATEWAY],
    ),
    timeseries(
        "Network",
        [
            prom(rate(f"node_network_receive_bytes_total{_NET}", by="instance"), "{{instance}} in"),
            prom("-" + rate(f"node_network_transmit_bytes_total{_NET}", by="instance"), "{{instance}} out"),
        ],
        unit="Bps",
        low=None,
        description="Received traffic, and sent traffic below zero, of all interfaces but the loopback.",
        links=[_GATEWAY],
    ),
)  # fmt: skip

ROWS = (_DATABASE, _PROCESSES, _HOSTS)
