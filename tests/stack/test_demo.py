"""The demo: its agent, its arithmetic, its words, and a real run against a real stack."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import demo_capture
import pytest
import thrown_away
import trustme
from otelgate_stack import access, settings
from otelgate_stack.clients import LogLine, Prometheus, StoreError
from otelgate_stack.clients.spans import Span
from otelgate_stack.demo import demo, freshness, trace_view, turn_view
from otelgate_stack.demo.freshness import Arrival, Look
from otelgate_stack.errors import StackError
from otelgate_stack.report import Report
from otelgate_stack.target import Target, find
from waiting import until
from whole_stack import Stack, no_otel_variables, stack, start

pytestmark = pytest.mark.starts

__all__ = ["no_otel_variables", "stack"]

AGENT = Path(__file__).parents[2] / "examples" / "demo" / "agent.py"
ANSWERS = """\
Q: Where is order 1042, and what does delivery to Cairo cost?
A: Order 1042 is packed. Delivery to Cairo costs 4.90 EUR. Delivery takes two to four working days.

Q: Is a saddle in stock?
A: We have 3 of that (saddle).

Q: What would delivery to Lisbon cost?
A: I could not reach the carrier; please ask me again later. Delivery takes two to four working days.

"""


# --- the agent --------------------------------------------------------------------------------------------------


def test_the_agent_runs_without_telemetry_and_says_the_same_every_time() -> None:
    command = [sys.executable, str(AGENT), "--delay", "0", "--tokens-per-second", "100000"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    runs = [subprocess.run(command, env=clean, capture_output=True, text=True, timeout=300) for _ in range(2)]
    assert [run.stdout for run in runs] == [ANSWERS, ANSWERS], runs[0].stderr
    assert [run.returncode for run in runs] == [0, 0]
    assert "WARNING bike_shop.tools: the carrier did not answer" in runs[0].stderr
    one = subprocess.run([*command, "--json", "--runs=1", "--seed=2"], env=clean, capture_output=True, timeout=300)
    said = json.loads(one.stdout)
    assert (said["seed"], said["question"], said["trace_id"]) == (2, "What would delivery to Lisbon cost?", None)


# --- how an application reaches the gateway ---------------------------------------------------------------------


def test_an_application_needs_its_endpoint_only() -> None:
    where = find(settings.load({"OTELGATE_GRPC_PORT": "5317", "OTELGATE_HTTP_PORT": "5318"}), {})
    assert where == Target("http://127.0.0.1:5317", "http://127.0.0.1:5318")
    assert where.environment() == {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:5317"}
    assert where.environment("http/protobuf") == {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:5318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    assert find(settings.load({"OTELGATE_HOST": "10.1.2.3"}), {}).grpc == "http://10.1.2.3:4317"
    assert find(settings.load({"OTELGATE_HOST": "::"}), {}).grpc == "http://127.0.0.1:4317"
    assert find(settings.load({"OTELGATE_HOST": "fe80::1"}), {}).http == "http://[fe80::1]:4318"


def test_certificate_and_token_become_standard_variables(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a b,c=\n")
    certificate = tmp_path / "cert.pem"
    loaded = settings.load(
        {
            "OTELGATE_TLS_CERT_FILE": str(certificate),
            "OTELGATE_TLS_KEY_FILE": str(tmp_path / "key.pem"),
            "OTELGATE_TOKEN_FILE": str(token),
        }
    )
    where = find(loaded, {})
    assert where.environment() == {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://localhost:4317",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate),
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20a%20b%2Cc%3D",
    }
    assert "a b,c" not in repr(where)
    assert find(loaded, {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20x, tenant=y"}).headers == {
        "authorization": "Bearer x",
        "tenant": "y",
    }
    assert find(loaded, {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem"}).ca_file == Path("/ca.pem")
    assert find(loaded, {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://gate:1/"}).grpc == "https://gate:1"
    http = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://gate:2", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    assert find(loaded, http).http == "https://gate:2"
    token.unlink()
    with pytest.raises(StackError, match=re.escape(f"OTELGATE_TOKEN_FILE='{token}': No such file or directory")):
        find(loaded, {})


def test_the_agent_gets_a_users_variables_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("OTELGATE_GRPC_PORT", "1")
    env = demo.agent_environment(Target("http://127.0.0.1:5317", "http://127.0.0.1:5318"), "demo-1", 30.0)
    assert {name: value for name, value in env.items() if name.startswith("OTEL")} == {
        "OTEL_SERVICE_NAME": "bike-shop",
        "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=demo-1,deployment.environment.name=demo",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:5317",
        "OTELGATE_EXIT_TIMEOUT": "30000",
    }


# --- freshness --------------------------------------------------------------------------------------------------


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def time_ns(self) -> int:
        return self.now_ns

    def monotonic(self) -> float:
        return self.now_ns / 1e9

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def watched(monkeypatch: pytest.MonkeyPatch, answers: list[Look | StoreError], deadline_s: float = 5) -> Arrival:
    """The result for a store with these answers, the last one repeated; the run ended at the first."""
    monkeypatch.setattr(freshness, "time", Clock())
    given: Iterator[Look | StoreError] = iter(answers)
    last = answers[-1]

    def look() -> Look:
        answer = next(given, last)
        if isinstance(answer, StoreError):
            raise answer
        return answer

    return freshness.watch({"store": look}, 1_000_000_000, deadline_s)["store"]


def test_the_last_item_counts_not_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing, part, end, all_of_it = Look(0, False), Look(2, False), Look(3, True), Look(4, True)
    arrival = watched(monkeypatch, [nothing, part, part, end, end, all_of_it])
    assert arrival == Arrival(pytest.approx(0.25), 4)


def test_missing_telemetry_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, [Look(0, False)]) == Arrival(None, 0, "nothing arrived")
    assert watched(monkeypatch, [Look(2, False)]) == Arrival(None, 2, "incomplete")
    away = StoreError("http://l/query", "Connection refused")
    assert watched(monkeypatch, [Look(2, False), away]) == Arrival(None, 2, "http://l/query: Connection refused")
    assert watched(monkeypatch, [away, Look(1, True)]).seconds == pytest.approx(0.05)


def test_medians_and_percentiles() -> None:
    assert freshness.median_and_p95([3.0, 1.0, 2.0]) == (2.0, 3.0)
    assert freshness.median_and_p95([float(second) for second in range(1, 101)]) == (50.5, 95.0)
    assert freshness.slowest([Arrival(1.0), Arrival(2.0)]) == 2.0
    assert freshness.slowest([Arrival(1.0), Arrival(None)]) is None


# --- the tree ---------------------------------------------------------------------------------------------------


def span(span_id: str, parent_id: str, name: str, start_ms: int, end_ms: int, **fields: object) -> Span:
    return Span("t", span_id, parent_id, name, start_ms * 10**6, end_ms * 10**6, **fields)  # type: ignore[arg-type]


def test_the_tree_shows_agents_models_tools_and_errors() -> None:
    model = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "fake-1",
        "llm.token_count.prompt": 18,
        "llm.token_count.completion": 2,
        "gen_ai.response.time_to_first_chunk": 0.2125,
    }
    canonical = {
        "gen_ai.operation.name": "chat",
        "openinference.span.kind": "CHAIN",
        "gen_ai.request.model": "gpt",
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 2,
    }
    tool = {"openinference.span.kind": "TOOL", "tool.name": "price"}
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "shop"}
    spans = [
        span("4", "2", "price", 300, 350, attributes=tool, status="error", status_message="Timeout\nat line 1"),
        span("5", "1", "chat", 400, 1500, attributes=canonical),
        span("3", "2", "Model", 10, 234, attributes=model),
        span("2", "1", "graph", 5, 360),
        span("1", "", "invoke_agent shop", 0, 2500, attributes=agent),
        span("9", "lost", "stray", 1, 2),
    ]
    assert trace_view.lines(spans, lambda text, *names: text) == [
        "invoke_agent shop    2500 ms  agent shop",
        "├─ graph              355 ms",
        "│  ├─ Model           224 ms  model fake-1, 18 tokens in, 2 out, first token after 212 ms",
        "│  └─ price          50.0 ms  tool price  ✘ Timeout",
        "└─ chat              1100 ms  model gpt, 1 tokens in, 2 out",
        "stray                 1.0 ms",
    ]


# --- a real run -------------------------------------------------------------------------------------------------


def run(loaded: settings.Settings, **options: object) -> tuple[int, str]:
    output = io.StringIO()
    with_wait: dict[str, Any] = {"wait_s": 180.0, **options}  # a busy machine needs longer than a user would wait
    return demo.run(loaded, Report(output), **with_wait), output.getvalue()


def test_a_run_is_found_in_every_store(stack: Stack) -> None:
    status, text = run(stack.settings, runs=1)
    assert status == 0, text
    found = re.search(
        r"^trace ([0-9a-f]{32}) in Tempo: 18 spans\n  session session-0000, user user-1, tier free$", text, re.M
    )
    assert found, text
    assert re.search(r"^  invoke_agent bike_shop +\d+ ms  agent bike_shop$", text, re.M)
    tools = re.findall(r"^     │  ([├└])─ execute_tool (\w+) +[\d.]+ ms  tool \2(?:  ✘ (.*))?$", text, re.M)
    assert [branch for branch, *_ in tools] == ["├", "└", "└"], text
    first, second, again = [(name, error) for _, name, error in tools]
    # The first two run concurrently, so either may have started first.
    assert {first, second} == {("order_status", ""), ("delivery_price", "shop.CarrierTimeoutError")}
    assert again == ("delivery_price", "")
    assert len(re.findall(r"model gpt-4o-mini, \d+ tokens in, \d+ out, first token after [\d.]+ ms$", text, re.M)) == 3
    assert "logs of this trace in Loki: 5 lines" in text
    assert re.search(r"^  \d\d:\d\d:\d\d\.\d{3} +otelgate +otelgate\.feedback \(positive\)$", text, re.M)
    assert re.search(r"^  \d\d:\d\d:\d\d\.\d{3}  WARN  bike_shop.tools  the carrier did not answer$", text, re.M)
    assert re.search(r'^  demo_answers_total\{outcome="answered"\} +1 +by these runs$', text, re.M)
    stores = [
        "Tempo, by trace id",
        "Tempo, by TraceQL search",
        "Jaeger, by trace id",
        "Loki",
        "Prometheus",
        "PostgreSQL",
        "all stores",
    ]
    for store in stores:
        assert re.search(rf"^  {store} +\d+\.\d\d s +\d+\.\d\d s$", text, re.M), text
    curl, tempo = access.curl_config(stack.settings), access.url(stack.settings, "tempo")
    assert f"curl -sK {curl} {tempo}/api/v2/traces/{found[1]}\n" in text
    assert "\033[" not in text


def test_turns_are_on_record_and_nowhere_else(stack: Stack) -> None:
    status, text = run(stack.settings, runs=2)
    assert status == 0, text
    record = text.partition("\nturns on record in PostgreSQL: 2 rows\n")[2].splitlines()
    took = r"83 tokens in, 20 out, 0\.0000\d\d USD, first token after [\d.]+ ms, ok after \d+ ms, rated positive"
    assert record[:2] == [
        "  Q Where is order 1042, and what does delivery to Cairo cost?",
        "  A Order 1042 is packed. Delivery to Cairo costs 4.90 EUR. Delivery takes two to four working days.",
    ]
    who = r"    user-1 \(free\), agent bike_shop, tools order_status delivery_price ✘ delivery_price"
    assert re.fullmatch(f"{who}, {took}", record[2]), record[2]
    assert record[3:5] == ["  Q Is a saddle in stock?", "  A We have 3 of that (saddle)."]
    assert record[6:8] == ["  Tempo has none of these words", "  Loki has none of these words"]
    until(lambda: derived(stack)["otelgate_run_count_total"] > 0)
    assert derived(stack)["otelgate_llm_cost_total"] > 0


def test_run_the_demo_prints_the_capture_of_the_readme(stack: Stack) -> None:
    status, text = run(stack.settings, runs=1)
    assert status == 0, text
    captured = demo_capture.normalised(demo_capture.committed())
    assert captured == demo_capture.normalised(demo_capture.excerpt(text)), "run `make demo-capture`"


def derived(stack: Stack) -> dict[str, float]:
    """The gateway's derived counts of the demo's runs so far."""
    prometheus = Prometheus.of(stack.settings)
    names = ("otelgate_run_count_total", "otelgate_llm_cost_total")
    return {name: prometheus.value(f'sum({name}{{service_name="bike-shop"}})') or 0 for name in names}


def test_words_elsewhere_are_found() -> None:
    asked = [span("1", "", "chat", 0, 1, attributes={"gen_ai.input.messages": "[… a saddle? …]"})]
    line = LogLine(0, "said a saddle?")
    assert turn_view.leaks(["a saddle?", ""], asked, []) == ["traces"]
    assert turn_view.leaks(["a saddle?"], [], [line]) == ["logs"]
    assert turn_view.leaks(["a helmet?", ""], asked, [line]) == []


def test_json_has_the_same(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = run(stack.settings, as_json=True, runs=2)
    assert status == 0, text
    found = json.loads(text)
    first, second = found["runs"]
    assert found["ok"] is True
    assert found["trace"]["trace_id"] == first["trace_id"] != second["trace_id"]
    assert {line["metadata"]["trace_id"] for line in found["logs"]} == {first["trace_id"]}
    answers = [sample for sample in found["metrics"] if sample["labels"].get("outcome") == "answered"]
    assert [sample["value"] for sample in answers] == [2]
    assert [row["question"] for row in found["turns"]] == [run["question"] for run in found["runs"]]
    assert [row["reply"].strip() for row in found["turns"]] == [run["answer"] for run in found["runs"]]
    assert found["content_elsewhere"] == []
    figures = found["freshness"]["all stores"]
    assert 0 < figures["median_s"] <= figures["p95_s"]
    assert figures["p95_s"] == pytest.approx(max(first["queryable_s"], second["queryable_s"]), abs=0.001)
    assert first["question"] in capsys.readouterr().err


def test_unavailable_store_is_named(stack: Stack) -> None:
    stack.engine.stop("loki")
    try:
        status, text = run(stack.settings, runs=1, wait_s=2.0)
    finally:
        stack.engine.start("loki")
    assert status == 1
    url = f"https://127.0.0.1:{stack.settings.loki_port}/loki/api/v1/query_range"
    assert re.search(rf"^  trace [0-9a-f]{{32}}: Loki: {url}: \[Errno 111\] Connection refused$", text, re.M), text
    assert re.search(r"^  Loki +never +never$", text, re.M)
    assert text.endswith("\nnext: make doctor finds the hop that lost it\n")


def test_bad_options_and_a_broken_agent(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StackError, match=r"--runs=0: expected at least 1"):
        run(stack.settings, runs=0)
    with pytest.raises(StackError, match=r"--wait=0: expected more than 0 seconds"):
        run(stack.settings, wait_s=0.0)
    monkeypatch.setattr(demo, "_instrument", lambda: "/bin/false")
    with pytest.raises(StackError, match="the agent failed with exit status 1"):
        run(stack.settings, runs=1)


def test_with_tls_and_a_token(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "token").write_text("t0ken")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "ca.pem"))
    closed = start(
        str(tmp_path_factory.mktemp("s") / "state"),
        OTELGATE_TRACES_TO="jaeger",
        OTELGATE_TLS_CERT_FILE=str(tmp_path / "cert.pem"),
        OTELGATE_TLS_KEY_FILE=str(tmp_path / "key.pem"),
        OTELGATE_TOKEN_FILE=str(tmp_path / "token"),
    )
    try:
        status, text = run(closed.settings, runs=1)
    finally:
        thrown_away.end(closed.settings)
    assert status == 0, text
    assert f"  OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:{closed.settings.grpc_port}\n" in text
    assert "  OTEL_EXPORTER_OTLP_HEADERS=…\n" in text
    assert "t0ken" not in text
    assert re.search(r"^trace [0-9a-f]{32} in Jaeger: 18 spans$", text, re.M)
    assert "Tempo" not in text
