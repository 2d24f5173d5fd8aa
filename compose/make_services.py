"""The settings and the parts of compose.yaml that follow from otelgate_stack/service_table.py, for make_settings.py."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from otelgate_audit import kinds
from otelgate_stack.service_spec import CERTIFICATE, PASSWORD, Port, Spec
from otelgate_stack.service_table import ORDER, SPECS, STORES, TABLE

CREDENTIALS = {PASSWORD: "*password, ", CERTIFICATE: "*shown, *its-key, *trusted, ", "": ""}
MOUNTED = ("password", "certificate", "key", "authority", "users", "web")
# One whose configuration is a file of the repository, which reads the environment.
BLOCK = """\
  {name}:
    <<: *service
    networks: [{networks}]
    image: {image}{scale}
    depends_on: *after-init
    command: [{command}]
    environment:
{environment}
    secrets: [{secrets}]
    ports:
{ports}
    volumes:
      - {{type: bind, source: ./{name}, target: /etc/otelgate, read_only: true, bind: {{create_host_path: false}}}}
      - {name}-data:{data}
      - probe:/health:ro
    mem_limit: {memory_mib}m
    stop_grace_period: {grace}s
    healthcheck:
      <<: *health
      test: [CMD, /health/probe, {credentials}"{url}"]
"""


def ports(of: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The settings with the ports of services of these kinds, as settings.yaml has others."""
    for spec in TABLE:
        for port in spec.ports if spec.kind in of else ():
            yield port.setting, {"kind": "port", "default": str(port.number), "doc": port.doc}


def endpoints(of: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The settings that tell the gateway where the stores of these kinds are."""
    for name, store in STORES.items():
        if SPECS[name].kind not in of:
            continue
        port = next(port for port in SPECS[name].ports if port.setting == store.intake)
        places = (f"127.0.0.1:{port.number}", f"127.0.0.1:{{{port.setting}}}", f"{name}:{port.inside or port.number}")
        here, stack, inside = (store.endpoint.format(place=place) for place in places)
        yield (
            f"{name}_endpoint",
            {
                "kind": "store" if store.exporter.startswith("otlp_grpc/") else "url",
                "default": here,
                "stack": stack,
                "readers": ["gateway"],
                "container": f"${{OTELGATE_{SPECS[name].variable}_ENDPOINT:-{inside}}}",
                "doc": store.doc,
            },
        )


def parts(defaults: Mapping[str, str]) -> dict[str, str]:
    """By name. `defaults`: those of the stack's settings, by name, as containers get them."""
    generated = [SPECS[name] for name in STORES if not SPECS[name].made]
    copied = [spec for spec in TABLE if spec.data and not spec.image.owns_data]
    return {
        "stores": "\n".join(block(spec, defaults) for spec in generated),
        "folders of data": "".join(f"      - {spec.name}-data:/var/lib/otelgate:ro\n" for spec in copied),
        "order of the stores": "".join(f"      {name}: {{condition: service_started}}\n" for name in STORES),
        "addresses of the stores": "".join(f"      {line}\n" for line in addresses(defaults)),
        "volumes": "".join(f"  {name}-data:\n" for name in ORDER if SPECS[name].data),
    }


def block(spec: Spec, defaults: Mapping[str, str]) -> str:
    """One store."""
    command = ", ".join(flow(argument.format_map(inside(spec, defaults))) for argument in spec.arguments)
    return BLOCK.format(
        name=spec.name,
        networks=", ".join(spec.networks),
        image=pinned(spec),
        scale=f"\n    scale: {scale(spec, defaults)}" if spec.when else "",
        command=command.replace("127.0.0.1:", "0.0.0.0:"),
        environment="\n".join(f"      {name}: {value}" for name, value in environment(spec, defaults).items()),
        secrets=", ".join(spec.secrets),
        ports="\n".join(f"      - {published(port, defaults)}" for port in spec.ports if not port.inner),
        data=spec.data,
        memory_mib=spec.memory_mib,
        grace=spec.container_stop_wait_s or spec.stop_wait_s,
        credentials=CREDENTIALS[spec.wants],
        url=f"{scheme(spec)}://127.0.0.1:{number(spec.checked, defaults)}{spec.health}",
    )


def flow(text: str) -> str:
    """A text in a YAML list of one line."""
    return json.dumps(text) if re.search(r"[{}\[\],]", text) else text


def scale(spec: Spec, defaults: Mapping[str, str]) -> str:
    """The count, which `make up` sets, and that of the default settings."""
    runs = all(defaults[name] in map(kinds.show, values) for name, values in spec.when.items())
    return f"${{{spec.variable}_REPLICAS:-{int(runs)}}}"


def pinned(spec: Spec) -> str:
    """The image, with its tag from versions.env."""
    name, _, pin = spec.image.name.partition(":")
    return f"{name}:${pin.removesuffix('}')}:?pass --env-file versions.env}}"


def environment(spec: Spec, defaults: Mapping[str, str]) -> dict[str, str]:
    """The variables of its configuration file, inside the network, where its ports are the default ones."""
    found = {"GOMEMLIMIT": f"{spec.go_memory_mib}MiB"}
    found |= {"OTELGATE_BACKEND_HOST": "0.0.0.0", "OTELGATE_BACKEND_DIR": spec.data, **spec.container_environment}
    settings = [name for name in spec.named if not name.endswith("_port")]
    return found | {f"OTELGATE_{name.upper()}": variable(name, defaults) for name in settings}


def inside(spec: Spec, defaults: Mapping[str, str]) -> dict[str, str]:
    """The values of its templates in the container."""
    known = {name: value if name.endswith("_port") else variable(name, defaults) for name, value in defaults.items()}
    known |= {name: f"/run/secrets/stores_{name}" for name in MOUNTED}
    return {**known, "folder": spec.data, "config": f"/etc/otelgate/{Path(spec.config).name}"}


def variable(name: str, defaults: Mapping[str, str]) -> str:
    return f"${{OTELGATE_{name.upper()}:-{defaults[name]}}}"


def published(port: Port, defaults: Mapping[str, str]) -> str:
    shown = json.dumps(variable(port.setting, defaults))
    return f"{{target: {number(port, defaults)}, published: {shown}, host_ip: 127.0.0.1}}"


def number(port: Port, defaults: Mapping[str, str]) -> str:
    return str(port.inside or defaults[port.setting])


def scheme(spec: Spec) -> str:
    return "https" if spec.wants == CERTIFICATE else "http"


def addresses(defaults: Mapping[str, str]) -> Iterator[str]:
    """How Grafana reaches the stores."""
    for name in STORES:
        spec = SPECS[name]
        yield f"OTELGATE_{spec.variable}_URL: {scheme(spec)}://{name}:{number(spec.ports[0], defaults)}"
