"""The built gateway with each overlay, and with those that its settings ask for: the wiring that comes out."""

import itertools
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted((ROOT / "collector/config/overlays").glob("*.yaml"))

Run = Callable[..., subprocess.CompletedProcess[str]]
Printed = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For each setting of a file, one."""
    folder = tmp_path_factory.mktemp("files")
    authority = trustme.CA()
    certificate = authority.issue_cert("gateway.test")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    (folder / "token").write_text("t0ken")
    return {
        "OTELGATE_TLS_CERT_FILE": f"{folder}/cert.pem",
        "OTELGATE_TLS_KEY_FILE": f"{folder}/key.pem",
        "OTELGATE_TLS_CLIENT_CA_FILE": f"{folder}/ca.pem",
        "OTELGATE_TOKEN_FILE": f"{folder}/token",
    }


@pytest.fixture(scope="module")
def run(gateway_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command of the gateway on these files, with these settings."""
    data = tmp_path_factory.mktemp("data")

    def command(name: str, *configs: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [gateway_binary, *name.split(), *(f"--config={config}" for config in configs)],
            env={"OTELGATE_DATA_DIR": str(data), **settings},
            capture_output=True,
            text=True,
        )

    return command


@pytest.fixture(scope="module")
def printed(run: Run, root: Path) -> Printed:
    """The merged configuration with these settings."""

    def merged(**settings: str) -> dict[str, Any]:
        done = run("print-config --format=json", root / "collector/config", **settings)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return merged


def numbered(root: Path) -> list[Path]:
    return sorted((root / "collector/config").glob("*.yaml"))


def test_validate_without_overlays_passes(run: Run, root: Path) -> None:
    done = run("validate", *numbered(root))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "overlay", sorted((ROOT / "collector/config/overlays").glob("*.yaml")), ids=lambda file: file.stem
)
def test_validate_with_an_overlay_passes(run: Run, root: Path, files: dict[str, str], overlay: Path) -> None:
    below = [overlay.with_name("tls.yaml")] if overlay.stem == "client-certificates" else []
    done = run("validate", *numbered(root), *below, overlay, **files)
    assert (done.returncode, done.stderr) == (0, "")


def test_readme_lists_each_overlay(root: Path) -> None:
    rows = re.findall(r"^\| (`.*?`) \|", (root / "collector/README.md").read_text(), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(.*?)`", row)}
    assert {overlay.stem for overlay in OVERLAYS} <= listed


def test_start_without_an_overlay_of_the_settings_is_refused(run: Run, root: Path, files: dict[str, str]) -> None:
    """A gateway that takes what a token should keep out, or that leaves the audit trail out, does not start."""
    done = run("", *numbered(root), OTELGATE_TOKEN_FILE=files["OTELGATE_TOKEN_FILE"])
    assert done.returncode == 1
    folder = root / "collector/config"
    token = f"OTELGATE_TOKEN_FILE='{files['OTELGATE_TOKEN_FILE']}'"
    for setting, overlay in ("OTELGATE_AUDIT='true'", "audit"), (token, "tokens"):
        assert f"{setting}: expected --config={folder}/overlays/{overlay}.yaml; --config={folder} names" in done.stderr


TRACES_OUT = {
    "tempo": ["otlp_grpc/tempo"],
    "jaeger": ["otlp_grpc/jaeger"],
    "both": ["otlp_grpc/tempo", "otlp_grpc/jaeger"],
}
ALWAYS = [
    *("traces", "traces/stores", "traces/derived", "traces/out"),
    *("logs", "logs/stores", "logs/derived", "logs/out"),
    *("metrics", "metrics/self", "metrics/derived"),
]


@pytest.mark.parametrize(
    ("audit", "percent", "traces_to"), list(itertools.product(("true", "false"), ("100", "5"), TRACES_OUT))
)
def test_pipelines_follow_the_settings(printed: Printed, audit: str, percent: str, traces_to: str) -> None:
    given = {"OTELGATE_AUDIT": audit, "OTELGATE_SAMPLE_PERCENT": percent, "OTELGATE_TRACES_TO": traces_to}
    pipelines = printed(**given)["service"]["pipelines"]
    branch = {
        "receivers": ["sequence/stores"],
        "processors": ["filter/audit", "redact/audit"],
        "exporters": ["otlp_grpc/audit"],
    }
    optional = {f"{signal}/audit": branch for signal in ("traces", "logs")} if audit == "true" else {}
    assert sorted(pipelines) == sorted([*ALWAYS, *optional])
    assert {name: pipelines[name] for name in optional} == optional
    assert pipelines["traces/out"] == {
        "receivers": ["sequence/derived"],
        "processors": ["tail_sampling"] if percent == "5" else [],
        "exporters": TRACES_OUT[traces_to],
    }


def test_receivers_are_open_on_loopback_by_default(printed: Printed) -> None:
    config = printed()
    for protocol in config["receivers"]["otlp"]["protocols"].values():
        assert (protocol.get("tls"), protocol.get("auth")) == (None, None)
    assert config["extensions"]["admission"].get("auth") is None


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("clients", [False, True])
def test_receivers_have_tls_and_tokens_by_the_settings(
    printed: Printed, files: dict[str, str], tokens: bool, clients: bool
) -> None:
    left_out = {"OTELGATE_TOKEN_FILE": tokens, "OTELGATE_TLS_CLIENT_CA_FILE": clients}
    config = printed(**{name: file for name, file in files.items() if left_out.get(name, True)})
    protocols = config["receivers"]["otlp"]["protocols"]
    for protocol in protocols.values():
        assert protocol["tls"]["cert_file"] == files["OTELGATE_TLS_CERT_FILE"]
        assert protocol["tls"]["key_file"] == files["OTELGATE_TLS_KEY_FILE"]
        assert protocol["tls"].get("client_ca_file", "") == (files["OTELGATE_TLS_CLIENT_CA_FILE"] if clients else "")
        assert protocol["tls"].get("client_ca_file_reload", False) is clients
    authenticators = [part.get("auth") for part in (*protocols.values(), config["extensions"]["admission"])]
    assert authenticators == [{"authenticator": "applications"} if tokens else None] * 3


@pytest.mark.parametrize("store", ["tempo", "jaeger"])
def test_stores_are_reached_by_tls_unless_the_endpoint_says_otherwise(
    printed: Printed, files: dict[str, str], store: str
) -> None:
    authority = files["OTELGATE_TLS_CLIENT_CA_FILE"]
    shown = {
        "OTELGATE_STORES_CA_FILE": authority,
        "OTELGATE_STORES_CERT_FILE": files["OTELGATE_TLS_CERT_FILE"],
        "OTELGATE_STORES_KEY_FILE": files["OTELGATE_TLS_KEY_FILE"],
    }
    plain = printed(**shown, **{f"OTELGATE_{store.upper()}_ENDPOINT": "127.0.0.1:4317"})["exporters"]
    by_tls = {name: exporter["tls"] for name, exporter in printed(**shown)["exporters"].items()}
    assert by_tls.pop("otlp_grpc/audit")["insecure"]
    for tls in by_tls.values():
        assert (tls["ca_file"], tls["include_system_ca_certs_pool"]) == (authority, True)
        assert (tls["cert_file"], tls["key_file"]) == tuple(shown.values())[1:]
        assert not tls.get("insecure")
    changed = plain.pop(f"otlp_grpc/{store}")["tls"]
    assert changed["insecure"]
    assert not {"ca_file", "cert_file", "key_file"} & changed.keys()  # printed where they are set
    assert by_tls.items() >= {name: plain[name]["tls"] for name in plain if name != "otlp_grpc/audit"}.items()
