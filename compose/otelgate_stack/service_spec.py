"""The fields of an entry of service_table.py."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

PASSWORD = "a password"
CERTIFICATE = "a certificate"
TOKEN = "a token"
NO_PAGES = "nothing, but refuse web pages"


@dataclass(frozen=True)
class Port:
    """A port on which a service listens. `setting`: the field of Settings that has it.

    `number` and `doc`: the default and the sentence of that setting. Without them settings.yaml has it, because
    one of our programs reads it. `wants`: the credentials that it asks for, if not those of the whole service. `host`:
    the setting with the address that it binds; else it is 127.0.0.1. `inside`: its number in the container, if that is
    not the default. `inner`: only other services need it, so compose.yaml does not publish it.
    """

    setting: str
    number: int = 0
    doc: str = ""
    wants: str = ""
    host: str = ""
    inside: int = 0
    inner: bool = False


@dataclass(frozen=True)
class Program:
    """`package` is built in the module `folder` (under the repository's root). `own`: its sources are ours.

    `tool`: no part of the stack, it looks at the other programs.
    """

    folder: str
    package: str
    tags: str = ""
    own: bool = False
    tool: bool = field(default=False, repr=False)  # not in the key


@dataclass(frozen=True)
class Image:
    """`name` has pins of versions.env. The other fields describe an official image, for its stand-in (build/images.py).

    `owns_data`: whether the image has the folder of the data, owned by `user`.
    """

    name: str
    user: str = ""
    owns_data: bool = True


@dataclass(frozen=True)
class Store:
    """A service to which the gateway sends a signal.

    `exporter`: the gateway's. `intake`: the setting of the port that takes the data. `endpoint` and `doc`: the setting
    that tells the gateway where that is, with `{place}` for the host and the port, and its sentence. `question`: what
    doctor asks the reader in clients/, with `{trace_id}`, `{service}` and `{made_s}` of its canaries.
    """

    title: str
    signal: str
    exporter: str
    intake: str
    endpoint: str
    doc: str
    question: str


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One service, for both engines.

    `config`, `folder`, `arguments` and `environment` are templates, with the names of engines/templates.py. The first
    of `ports` is that of its URL.
    """

    name: str
    kind: str
    """The label `kind` of its probe: gateway, store, database, api, alerts, exporter or dashboards."""
    what: str = ""
    """The kind of content at its address, in a few words; `what_in_container` where the official image has more."""
    what_in_container: str = ""
    when: Mapping[str, Collection[object]] = field(default_factory=dict)
    """Settings, and the values with which it runs."""
    without: str = ""
    """The effect of its absence, of a service that the stack can do without."""

    program: Program | None = None
    tools: Mapping[str, Program] = field(default_factory=dict)
    """More programs that come with it."""
    package: str = ""
    """The package of the machine's distribution that has its program."""
    python: bool = False
    """It is a module of this very Python."""
    image: Image

    ports: tuple[Port, ...]
    wants: str = ""
    """PASSWORD or CERTIFICATE: the stores' credentials that it asks for (access.py)."""
    asks: bool = False
    """It sends the stores' credentials, so it restarts when they change."""
    health: str
    """The path of its health check; empty for a database, which is connected to."""
    health_port: str = ""
    """The setting of the port of its health check, if it is not the first."""
    networks: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """The secrets of its container; like `networks`, for stores whose part of compose.yaml is generated."""

    config: str = ""
    """Its configuration: a file, or a folder with all files that count."""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    container_environment: Mapping[str, str] = field(default_factory=dict)
    reader: str = ""
    """Its environment is the settings of this reader of settings.yaml: gateway, sink or keeper."""
    reads: tuple[str, ...] | None = None
    """Settings that its configuration file names, besides its ports and its retention; None: the file names none."""

    folder: str = "{state_dir}/{name}"
    """Its data, natively."""
    data: str = ""
    """The folder of its data in its container, on the volume `<name>-data`; empty for a service that keeps none."""
    holds: str = ""
    """The items that it stores, in words."""
    retention: str = ""
    """The setting that says how long it keeps them."""
    store: Store | None = None
    job: str = ""
    """Prometheus' job that scrapes its metrics."""

    memory_mib: int
    """The limit of its container."""
    after: tuple[str, ...] = ()
    """Services that have to be ready before it is started."""
    stops_first: bool = False
    stop_signal: str = "TERM"
    stop_wait_s: int = 30
    """How long it may take to end after its stop signal, in seconds, before it is killed."""
    container_stop_wait_s: int = 0
    """The same in a container, where it is longer: Docker stops several services at once."""

    @property
    def made(self) -> bool:
        """Whether its configuration is made when the stack starts."""
        return self.config.startswith("{state_dir}")

    @property
    def go_memory_mib(self) -> int | None:
        """The memory near which its Go program collects garbage harder: nine tenths of the container's limit.

        None for programs in other languages, and for the gateway, whose limit is a setting.
        """
        return None if self.python or self.reader else self.memory_mib * 9 // 10

    @property
    def named(self) -> tuple[str, ...]:
        """The settings that its configuration file names."""
        return (*(port.setting for port in self.ports), *(self.reads or ()), *filter(None, (self.retention,)))

    @property
    def checked(self) -> Port:
        """The port of its health check."""
        return next(port for port in self.ports if port.setting == (self.health_port or self.ports[0].setting))

    @property
    def variable(self) -> str:
        """Its name in names of variables: NODE_EXPORTER."""
        return self.name.replace("-", "_").upper()
