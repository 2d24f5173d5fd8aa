"""The services of the stack, once, in the order data flows; then those that monitor the others.

Engines, doctor, demo, sizing, monitoring, images, backup and access read this table. `make generate` writes from it the
stores of compose.yaml; a test compares the rest of compose.yaml with it. CONTRIBUTING.md has the steps for a new store.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .service_spec import CERTIFICATE, NO_PAGES, PASSWORD, TOKEN, Image, Port, Program, Spec, Store

if TYPE_CHECKING:  # make_settings.py reads this table before there are settings
    from .settings import Settings

PAGE: Final = "page"
_AUDIT_IMAGE = Image("otelgate/audit:{OTELGATE_VERSION}")
_AUDIT_SOURCES = "{root}/audit/otelgate_audit"
_PROMETHEUS, _ALERTMANAGER = "compose/native/prometheus", "compose/native/alertmanager"
_PROMETHEUS_TAGS = "netgo,remove_all_sd"
_SHOWN = ("stores_certificate", "stores_key", "stores_authority")
_EXPANDED = ("-config.expand-env=true", "-config.file={config}")
_PASSWORD_FILE = "--web.config.file={web_config}"


# An exporter: packaged by the distribution, keeps no data and holds nothing when it stops.
_EXPORTER = Spec(
    name="",
    kind="exporter",
    what="metrics",
    when={"exporters": (True,)},
    image=Image(""),
    ports=(),
    wants=PASSWORD,
    health="/",
    memory_mib=128,
    stop_wait_s=5,
)

TABLE: Final = (
    Spec(
        name="gateway",
        kind="gateway",
        program=Program("collector", "./gateway", own=True),
        tools={"probe": Program("collector", "./probe", own=True)},
        image=Image("otelgate/gateway:{OTELGATE_VERSION}"),
        ports=(  # doctor/doors.py says what the first two want
            Port("grpc_port", host="host"),
            Port("http_port", host="host"),
            Port("health_port", wants=NO_PAGES),
            Port("metrics_port", wants=NO_PAGES),
            Port("self_port", wants=TOKEN, inner=True),
        ),
        asks=True,
        health="/",
        health_port="health_port",
        config="{root}/collector/config",
        arguments=("--config", "{config}"),
        reader="gateway",
        folder="{data_dir}",
        data="/var/lib/otelgate",
        memory_mib=768,  # of the default; it follows OTELGATE_MEMORY_LIMIT_MIB
        stop_wait_s=10,  # with a store away it would go on trying; what it has acknowledged is on disk
    ),
    Spec(
        name="prometheus",
        kind="store",
        what="API; ask it with `make promtool`",
        what_in_container=f"{PAGE}: queries, targets, rules",
        program=Program(_PROMETHEUS, "github.com/prometheus/prometheus/cmd/prometheus", _PROMETHEUS_TAGS),
        tools={"promtool": Program(_PROMETHEUS, "github.com/prometheus/prometheus/cmd/promtool", _PROMETHEUS_TAGS)},
        image=Image("prom/prometheus:{PROMETHEUS_IMAGE_TAG}", "65534:65534"),
        ports=(Port("prometheus_port", 9090, "Prometheus: HTTP."),),
        wants=PASSWORD,
        health="/-/ready",
        config="{state_dir}/rendered/prometheus.yml",
        arguments=(
            "--config.file={config}",
            "--storage.tsdb.path={folder}",
            "--storage.tsdb.retention.time={retention_metrics}",
            "--web.listen-address=127.0.0.1:{prometheus_port}",
            "--web.external-url={url}",
            "--web.enable-remote-write-receiver",
            "--web.cors.origin=none",  # no page has this origin; by default every page may read
            _PASSWORD_FILE,
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ),
        data="/prometheus",
        holds="samples",
        retention="retention_metrics",
        store=Store(
            title="Prometheus",
            signal="metrics",
            exporter="prometheus_remote_write",
            intake="prometheus_port",
            endpoint="http://{place}/api/v1/write",
            doc="Prometheus' remote write.",
            question='otelgate_doctor_canary_seconds{{job="{service}"}} == {made_s}',
        ),
        job="prometheus",
        memory_mib=1024,
        container_stop_wait_s=60,
    ),
    Spec(
        name="loki",
        kind="store",
        what="API",
        program=Program("compose/native/loki", "github.com/grafana/loki/v3/cmd/loki"),
        image=Image("grafana/loki:{LOKI_VERSION}", "10001:10001"),
        ports=(
            Port("loki_port", 3100, "Loki: HTTP, OTLP included."),
            Port("loki_grpc_port", 9095, "Loki: gRPC between its own parts.", inner=True),
        ),
        wants=CERTIFICATE,
        health="/ready",
        networks=("stores", "reads", "records"),
        secrets=_SHOWN,
        config="{root}/compose/loki/loki.yaml",
        arguments=_EXPANDED,
        reads=(),
        data="/loki",
        holds="log lines",
        retention="retention_logs",
        store=Store(
            title="Loki",
            signal="logs",
            exporter="otlp_http/loki",
            intake="loki_port",
            endpoint="https://{place}/otlp",
            doc="Loki's OTLP over HTTP.",
            question='{{service_name="{service}"}} | trace_id="{trace_id}"',
        ),
        memory_mib=1024,
        container_stop_wait_s=60,
    ),
    Spec(
        name="tempo",
        kind="store",
        what="API",
        when={"traces_to": ("tempo", "both")},
        program=Program("compose/native/tempo", "github.com/grafana/tempo/cmd/tempo"),
        image=Image("grafana/tempo:{TEMPO_IMAGE_TAG}", "10001:10001"),
        ports=(
            Port("tempo_port", 3200, "Tempo: HTTP."),
            Port("tempo_grpc_port", 9096, "Tempo: gRPC between its own parts.", inner=True),
            Port("tempo_otlp_port", 14317, "Tempo: OTLP over gRPC.", inner=True),
        ),
        wants=CERTIFICATE,
        health="/ready",
        networks=("stores", "reads"),
        secrets=("stores_password", *_SHOWN),
        config="{root}/compose/tempo/tempo.yaml",
        arguments=_EXPANDED,
        reads=("prometheus_port",),  # its metrics of calls between services go there
        container_environment={"OTELGATE_PROMETHEUS_HOST": "prometheus"},
        data="/var/tempo",
        holds="spans",
        retention="retention_traces",
        store=Store(
            title="Tempo",
            signal="traces",
            exporter="otlp_grpc/tempo",
            intake="tempo_otlp_port",
            endpoint="https://{place}",
            doc="Tempo's OTLP over gRPC.",
            question="{trace_id}",
        ),
        memory_mib=1024,
        # Asked to stop within 30 s of a query, this version waits for ever for its own query queue. The data that it
        # has taken are in its write-ahead log by then, so being killed loses nothing.
        stop_wait_s=5,
    ),
    Spec(
        name="jaeger",
        kind="store",
        what="API",
        what_in_container=f"{PAGE}: traces",
        when={"traces_to": ("jaeger", "both")},
        program=Program("compose/native/jaeger", "github.com/jaegertracing/jaeger/cmd/jaeger"),
        image=Image("jaegertracing/jaeger:{JAEGER_IMAGE_TAG}", "10001", owns_data=False),
        ports=(
            Port("jaeger_port", 16686, "Jaeger: HTTP query API."),
            Port("jaeger_grpc_port", 16685, "Jaeger: gRPC query API.", inner=True),
            Port("jaeger_otlp_port", 24317, "Jaeger: OTLP over gRPC.", wants=CERTIFICATE, inner=True),
        ),
        wants=PASSWORD,
        health="/api/services",
        networks=("stores", "reads"),
        secrets=("stores_users", "stores_password", *_SHOWN),
        config="{root}/compose/jaeger/jaeger.yaml",
        arguments=("--config", "file:{config}"),
        reads=(),
        data="/var/lib/jaeger",
        holds="spans",
        retention="retention_traces",
        store=Store(
            title="Jaeger",
            signal="traces",
            exporter="otlp_grpc/jaeger",
            intake="jaeger_otlp_port",
            endpoint="https://{place}",
            doc="Jaeger's OTLP over gRPC.",
            question="{trace_id}",
        ),
        memory_mib=1024,
        container_stop_wait_s=60,
    ),
    Spec(
        name="audit",
        kind="api",
        what="OTLP gRPC, for the gateway alone",
        when={"audit": (True,)},
        python=True,
        image=_AUDIT_IMAGE,
        ports=(
            Port("audit_port", wants=TOKEN, host="audit_host", inner=True),
            Port("audit_health_port", wants=NO_PAGES, host="audit_host"),
        ),
        health="/health",
        health_port="audit_health_port",
        config=_AUDIT_SOURCES,
        arguments=("-m", "otelgate_audit", "serve"),
        reader="sink",
        memory_mib=1024,
        after=("postgres",),
    ),
    Spec(
        name="keeper",
        kind="api",
        what="health; it owns the audit store's tables",
        when={"audit": (True,)},
        python=True,
        image=_AUDIT_IMAGE,
        ports=(Port("keeper_port", wants=NO_PAGES, host="audit_host"),),
        asks=True,
        health="/health",
        config=_AUDIT_SOURCES,
        arguments=("-m", "otelgate_audit", "keep"),
        reader="keeper",
        memory_mib=1024,
        after=("postgres",),
    ),
    Spec(
        name="postgres",
        kind="database",
        what="database; `psql` opens it",
        when={"own_database": (True,)},
        python=True,  # its own programs come in a Python package
        image=Image("postgres:{POSTGRES_VERSION}"),
        ports=(
            Port(
                "postgres_port",
                15432,
                "PostgreSQL, unless `OTELGATE_DATABASE_URL` is set.",
                wants=PASSWORD,
                inside=5432,
            ),
        ),
        health="",
        arguments=(
            *("-m", "otelgate_stack.engines.postgres", "--folder={folder}", "--port={postgres_port}"),
            *("--superuser-password-file={superuser_password}", "--owner-password-file={owner_password}"),
            "--monitor-password-file={monitor_password}",
        ),
        data="/var/lib/postgresql",
        holds="turns",
        retention="retention_audit",
        memory_mib=1024,
        stop_wait_s=60,
        stop_signal="INT",  # on SIGTERM it would wait for every client to leave
    ),
    Spec(
        name="feedback",
        kind="api",
        what="API: POST /v1/feedback takes votes",
        when={"audit": (True,)},
        python=True,
        image=_AUDIT_IMAGE,
        ports=(Port("feedback_port", wants="a signed token for each vote", host="feedback_host"),),
        health="/health",
        config=_AUDIT_SOURCES,
        arguments=("-m", "otelgate_audit", "feedback"),
        reader="sink",
        memory_mib=256,
        stops_first=True,  # its votes go to the gateway
        stop_wait_s=10,
        container_stop_wait_s=30,
    ),
    Spec(
        name="alertmanager",
        kind="alerts",
        what=f"{PAGE}: alerts and silences",
        program=Program(_ALERTMANAGER, "github.com/prometheus/alertmanager/cmd/alertmanager"),
        tools={"amtool": Program(_ALERTMANAGER, "github.com/prometheus/alertmanager/cmd/amtool")},
        image=Image("prom/alertmanager:{ALERTMANAGER_IMAGE_TAG}", "65534:65534"),
        ports=(Port("alertmanager_port", 9093, "Alertmanager: HTTP."),),
        wants=PASSWORD,
        health="/-/ready",
        config="{state_dir}/alertmanager/config/alertmanager.yml",
        arguments=(
            "--config.file={config}",
            "--storage.path={folder}",
            "--web.listen-address=127.0.0.1:{alertmanager_port}",
            "--web.external-url={url}",
            _PASSWORD_FILE,
            "--cluster.listen-address=",  # one instance has no peer to gossip with
            "--log.level=warn",
        ),
        folder="{state_dir}/alertmanager/data",
        data="/alertmanager",
        job="alertmanager",
        memory_mib=256,
    ),
    replace(
        _EXPORTER,
        name="prober",
        without="nothing is probed: ServiceDown and DatabaseDown cannot fire",
        package="prometheus-blackbox-exporter",
        image=Image("prom/blackbox-exporter:{PROBER_IMAGE_TAG}", "65534:65534"),
        ports=(Port("prober_port", 9115, "Prober: HTTP."),),
        health="/-/healthy",
        config="{state_dir}/rendered/prober.yml",
        arguments=("--config.file={config}", "--web.listen-address=127.0.0.1:{prober_port}", _PASSWORD_FILE),
        job="probe",
    ),
    replace(
        _EXPORTER,
        name="node-exporter",
        without="the panels of hosts stay empty",
        package="prometheus-node-exporter",
        image=Image("prom/node-exporter:{NODE_EXPORTER_IMAGE_TAG}", "65534:65534"),
        ports=(Port("node_exporter_port", 9100, "Exporter of the host's metrics: HTTP."),),
        arguments=(
            # Collectors that Debian's package also enables: units of systemd, and files in its own folder. Without
            # these it logs errors with each scrape, and their data are not used.
            *("--no-collector.systemd", "--no-collector.textfile", "--log.level=warn"),
            *("--web.listen-address=127.0.0.1:{node_exporter_port}", _PASSWORD_FILE),
        ),
        job="node",
    ),
    replace(
        _EXPORTER,
        name="postgres-exporter",
        when={"exporters": (True,), "own_database": (True,)},
        without="PostgreSQL's own statistics stay empty",
        package="prometheus-postgres-exporter",
        image=Image(
            "prometheuscommunity/postgres-exporter:{POSTGRES_EXPORTER_IMAGE_TAG}",
            "65534:65534",
        ),
        ports=(Port("postgres_exporter_port", 9187, "Exporter of PostgreSQL's metrics: HTTP."),),
        arguments=(
            # The settings of a server are some 350 unused series.
            *("--disable-settings-metrics", "--log.level=error"),
            *("--web.listen-address=127.0.0.1:{postgres_exporter_port}", _PASSWORD_FILE),
        ),
        environment={
            "DATA_SOURCE_URI": "127.0.0.1:{postgres_port}/otelgate?sslmode=disable",
            "DATA_SOURCE_USER": "otelgate_monitor",
            "DATA_SOURCE_PASS_FILE": "{monitor_password}",
        },
        job="postgres",
    ),
    replace(
        _EXPORTER,
        name="redis-exporter",
        without="the panels of Redis stay empty",
        package="prometheus-redis-exporter",
        image=Image("oliver006/redis_exporter:{REDIS_EXPORTER_IMAGE_TAG}", "59000:59000"),
        ports=(Port("redis_exporter_port", 9121, "Exporter of Redis' metrics: HTTP."),),
        wants=CERTIFICATE,
        health="/health",
        arguments=(
            # Nothing of its own server: Prometheus names one with each request.
            *("-redis.addr=", "-log-format=txt", "--web.listen-address=127.0.0.1:{redis_exporter_port}"),
            *("-tls-server-cert-file={certificate}", "-tls-server-key-file={key}"),
            "-tls-server-ca-cert-file={authority}",
        ),
        job="redis",
    ),
    Spec(
        name="grafana",
        kind="dashboards",
        what=f"{PAGE}: dashboards",
        without="there are no dashboards to look at; Prometheus and Alertmanager work without",
        image=Image("grafana/grafana:{GRAFANA_IMAGE_TAG}"),
        ports=(Port("grafana_port", 3000, "Grafana: HTTP.", wants=PASSWORD),),
        health="/api/health",
        config="{root}/grafana/provisioning",
        arguments=("server",),
        data="/var/lib/grafana",
        memory_mib=512,
        stops_first=True,  # it reads from all
    ),
)

SPECS: Final = {spec.name: spec for spec in TABLE}
ORDER: Final = tuple(SPECS)
STORES: Final = {spec.name: spec.store for spec in TABLE if spec.store}
PORT_WANTS: Final = {port.setting: port.wants or spec.wants for spec in TABLE for port in spec.ports}
"""The setting of a port -> the credentials that it asks for."""


def runs(spec: Spec, settings: "Settings") -> bool:
    """Whether these settings want this service."""
    return all(getattr(settings, name) in values for name, values in spec.when.items())


def names(settings: "Settings") -> list[str]:
    """The services of a stack, in the order data flows."""
    return [spec.name for spec in TABLE if runs(spec, settings)]


def stop_order(names: Iterable[str]) -> list[str]:
    """So that what one service holds still reaches the next."""
    return sorted(names, key=lambda name: (not SPECS[name].stops_first, ORDER.index(name)))
