"""The gateway's folder: for one gateway alone, which has its name in metrics from it."""

from pathlib import Path

import pytest
from gateways import GatewayProcess
from otelgate_stack import ports, web

OF_GATEWAYS = {f"OTELGATE_{name}_PORT" for name in ("GRPC", "HTTP", "HEALTH", "METRICS", "SELF")}


def gateway_in(folder: Path, binary: Path, root: Path) -> tuple[GatewayProcess, dict[str, str]]:
    env = {name: number for name, number in ports.free_env().items() if name in OF_GATEWAYS}
    folder.mkdir(exist_ok=True)
    return GatewayProcess(binary, root / "collector/config", {**env, "OTELGATE_AUDIT": "false"}, folder), env


def name_of(env: dict[str, str]) -> str:
    """service.instance.id, as the gateway's own metrics have it."""
    text = web.get(f"http://127.0.0.1:{env['OTELGATE_METRICS_PORT']}/metrics").text
    [line] = [line for line in text.splitlines() if line.startswith("target_info{")]
    return line.partition('service_instance_id="')[2].partition('"')[0]


def test_a_second_gateway_on_a_folder_is_refused(gateway_binary: Path, root: Path, tmp_path: Path) -> None:
    first, _ = gateway_in(tmp_path, gateway_binary, root)
    second, _ = gateway_in(tmp_path, gateway_binary, root)
    first.start()
    try:
        said = f"OTELGATE_DATA_DIR='{tmp_path}/gateway': expected a folder that no other gateway uses"
        with pytest.raises(RuntimeError, match=said):
            second.start()
        assert first.running()
    finally:
        second.kill()
        first.kill()


def test_two_gateways_on_a_host_have_names_of_their_own(gateway_binary: Path, root: Path, tmp_path: Path) -> None:
    made = [gateway_in(tmp_path / name, gateway_binary, root) for name in ("a", "b")]
    try:
        for gateway, _ in made:
            gateway.start()
        names = [name_of(env) for _, env in made]
        assert names[0] != names[1]
        assert names == [(tmp_path / name / "gateway/instance").read_text().strip() for name in ("a", "b")]
        first, env = made[0]
        first.kill()
        first.start()
        assert name_of(env) == names[0]
    finally:
        for gateway, _ in made:
            gateway.kill()
