"""The property bot: its webhook alone, and the telemetry of its users in the stores of a real stack."""

import time
from typing import Any

import httpx
import pytest
from example_stack import ExampleStack
from fastapi.testclient import TestClient
from otelgate_stack import access, examples
from waiting import until

from examples.common import history
from examples.common.faults import Faults, UnknownFault, parse
from examples.common.traffic import Stage
from examples.estate_bot.app import COMMANDS, SECRET, make_app
from examples.estate_bot.example import EXAMPLE
from examples.estate_bot.tools import TOOLS

SERVICE = "estate-bot"
LIVE = f'service_name="{SERVICE}",instance!="history"'
PAST = f'service_name="{SERVICE}",instance="history"'


class Chat:
    """One user's chat with a bot in this process."""

    def __init__(self, *faults: str) -> None:
        self._client = TestClient(make_app(Stage(speed=1000, faults=Faults(faults))))

    def say(self, text: str, user: int = 7) -> dict[str, Any]:
        person = {"id": user, "is_bot": False, "first_name": "Sample"}
        message = {"message_id": 1, "from": person, "chat": {"id": user}, "date": 0, "text": text}
        answer = self.post({"update_id": 1, "message": message})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def post(self, update: dict[str, Any], secret: str = SECRET) -> httpx.Response:
        return self._client.post("/telegram/webhook", json=update, headers={"X-Telegram-Bot-Api-Secret-Token": secret})

    def health(self) -> httpx.Response:
        return self._client.get("/health")


def test_smoke() -> None:
    answer = Chat().say("/analyze Princess Tower, Marina")
    assert answer["method"] == "sendMessage"
    assert answer["text"].startswith("As an investment: gross yield 6.4%, growth 7%, pays back in 16 years.")
    assert [button["text"] for button in answer["reply_markup"]["inline_keyboard"][0]] == ["👍", "👎"]


def test_every_command_is_answered() -> None:
    chat = Chat()
    assert len(COMMANDS) == 8
    for command in COMMANDS:
        assert chat.say(command)["text"]


def test_a_limit_leads_to_a_larger_plan() -> None:
    chat = Chat()
    answers = [chat.say("How do I buy a flat in JVC from abroad?") for _ in range(6)]
    assert [bool(answer.get("limited")) for answer in answers] == [False] * 5 + [True]
    assert chat.say("/subscribe")["text"] == "Welcome to basic!"
    assert chat.say("/status")["text"] == "You are on basic; asked today: 5 of 25."
    assert not chat.say("/trends Palm").get("limited")
    assert not chat.say("/trends Palm", user=8).get("limited")


def test_updates_of_strangers_are_refused() -> None:
    assert Chat().post({"update_id": 1}, secret="guessed").status_code == 403


def test_switches() -> None:
    broken = Chat("model_errors")
    failed = [broken.say(f"/trends Marina {number}", user=number).get("failed") for number in range(40)]
    assert {"OverloadedError", "ModelTimeoutError"} < set(failed)
    assert None in failed
    sourceless = Chat("tool_errors")
    texts = [
        sourceless.say(f"/analyze {tower}", user=number)["text"]
        for number, tower in enumerate(["Oceana", "Cayan Tower"])
    ]
    assert any("One of my sources did not answer" in text for text in texts)
    assert Chat().health().status_code == 200
    assert Chat("down").health().status_code == 503


def test_an_unknown_switch_is_named() -> None:
    with pytest.raises(UnknownFault, match=r"^FAULT='model_eror': expected one of model_errors, slow_model$"):
        parse("model_eror", ("slow_model", "model_errors"))


@pytest.fixture(scope="module")
def summary(stack: ExampleStack) -> dict[str, Any]:
    """Two days of history, then sixty visits, as fast as they go. With this seed no model call fails."""
    return stack.example("estate_bot", "--history", "2d", "--visits", "60", "--seed", "10", "--speed", "40")


@pytest.fixture(scope="module")
def sent(stack: ExampleStack, summary: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The sent data, once Prometheus and PostgreSQL have the last of it."""
    found: dict[str, dict[str, float]] = summary["sent"]
    answers = sum(found["answers"].values())
    assert "failed_turns" not in found
    assert "failed_steps" not in found
    until(lambda: stack.metric(f"sum(otelgate_run_count_total{{{LIVE}}})") == answers)
    until(lambda: len(turns(stack, summary)) == answers)
    return found


def turns(stack: ExampleStack, summary: dict[str, Any]) -> list[tuple[Any, ...]]:
    query = "SELECT cost_usd, feature FROM audit.turns WHERE service = %s AND started_at >= to_timestamp(%s)"
    return stack.sql(query + " AND status IS NOT NULL", SERVICE, summary["started"])


@pytest.mark.shows("K19", "M-A07")
def test_commands(stack: ExampleStack, sent: dict[str, dict[str, float]]) -> None:
    counted = f'sum by (command) (otelgate_event_count_total{{event_name="command.used",{LIVE}}})'
    assert until(lambda: stack.by_label(counted, "command") == sent["commands"])
    assert set(sent["commands"]) <= set(COMMANDS)
    assert len(sent["commands"]) >= 6


@pytest.mark.shows("K19", "M-A01")
def test_tools(stack: ExampleStack, sent: dict[str, dict[str, float]], summary: dict[str, Any]) -> None:
    counted = f"sum by (gen_ai_tool_name) (gen_ai_execute_tool_duration_seconds_count{{{LIVE}}})"
    assert until(lambda: stack.by_label(counted, "gen_ai_tool_name") == sent["tools"])
    rows = "SELECT tool, count(*) FROM audit.tool_calls WHERE service = %s AND start_time >= to_timestamp(%s)"
    stored = stack.sql(rows + " AND duplicate_of IS NULL GROUP BY 1", SERVICE, summary["started"])
    assert dict(stored) == sent["tools"]
    assert set(sent["tools"]) == set(TOOLS)


@pytest.mark.shows("K20", "M-A03", "M-A04")
def test_tiers_and_funnel(stack: ExampleStack, sent: dict[str, dict[str, float]], summary: dict[str, Any]) -> None:
    steps = dict(
        stack.sql(
            "SELECT event, users FROM analytics.funnel(services => ARRAY[%s], from_time => to_timestamp(%s))",
            *(SERVICE, summary["started"]),
        )
    )
    # Everybody's first visit begins with /start; an upgrade may come without a limit, a limit more than once.
    assert steps["user.signup"] == sent["commands"]["/start"]
    assert steps["user.signup"] >= steps["first_turn"] > steps["quota.hit"] > steps["subscription.upgraded"] > 0
    upgrades = f'sum by (to_tier) (otelgate_event_count_total{{event_name="subscription.upgraded",{LIVE}}})'
    assert stack.by_label(upgrades, "to_tier") == sent["upgrades"]
    limits = f'sum(otelgate_event_count_total{{event_name="quota.hit",{LIVE}}})'
    assert stack.metric(limits) == sent["limits"]["hit"]
    tiers = "SELECT tier, count(*) FROM audit.users WHERE service = %s AND first_seen >= to_timestamp(%s) GROUP BY 1"
    assert {tier for tier, _ in stack.sql(tiers, SERVICE, summary["started"])} >= {"free", "basic"}


def test_votes(stack: ExampleStack, sent: dict[str, dict[str, float]], summary: dict[str, Any]) -> None:
    counted = f"sum by (rating) (otelgate_feedback_count_total{{{LIVE}}})"
    assert until(lambda: stack.by_label(counted, "rating") == sent["votes"])
    rated = "SELECT rating, count(*) FROM audit.turns WHERE service = %s AND started_at >= to_timestamp(%s)"
    stored = stack.sql(rated + " AND rating IS NOT NULL GROUP BY 1", SERVICE, summary["started"])
    assert dict(stored) == sent["votes"]


@pytest.mark.shows("M-A02")
def test_cost(stack: ExampleStack, sent: dict[str, dict[str, float]], summary: dict[str, Any]) -> None:
    stored = sum(float(cost) for cost, _ in turns(stack, summary))
    assert stored > 0.1
    counted = f"sum(otelgate_llm_cost_total{{{LIVE}}})"
    assert until(lambda: stack.metric(counted) == pytest.approx(stored, rel=1e-9))


def test_requests_are_measured_in_seconds(stack: ExampleStack, sent: dict[str, dict[str, float]]) -> None:
    posts = sum(sent["commands"].values()) + sent["steps"]["question"] + sum(sent["votes"].values())
    requests = f'sum(http_server_request_duration_seconds_count{{http_route="/telegram/webhook",{LIVE}}})'
    assert until(lambda: stack.metric(requests) == posts)
    assert stack.by_label(f"http_server_request_duration_seconds_bucket{{{LIVE}}}", "le")["2"] > 0


@pytest.mark.shows("F24", "K06")
def test_no_words_outside_of_the_audit_store(stack: ExampleStack, sent: dict[str, dict[str, float]]) -> None:
    lines = stack.loki.query_range(f'{{service_name="{SERVICE}"}}', limit=5000)
    assert lines
    assert not [line for line in lines if "bedroom" in f"{line.line} {line.metadata}"]
    asked = "SELECT count(*) FROM content.turns WHERE service = %s AND user_message LIKE %s"
    assert stack.sql(asked, SERVICE, "/search % bedroom in %")[0][0] > 0


def test_history_in_prometheus_is_that_in_sql(stack: ExampleStack, summary: dict[str, Any]) -> None:
    totals = "SELECT sum(cost_usd)::float8, count(*), sum(tool_calls) FROM audit.turns WHERE service = %s"
    cost, runs, tools = stack.sql(f"{totals} AND started_at < to_timestamp(%s)", SERVICE, summary["started"])[0]
    assert runs > 100
    assert total(stack, "otelgate_llm_cost_total") == pytest.approx(cost, rel=1e-9)
    assert total(stack, "otelgate_run_count_total") == runs
    assert total(stack, "gen_ai_invoke_agent_duration_seconds_count") == runs
    assert total(stack, "gen_ai_execute_tool_duration_seconds_count") == tools
    # Queries of dashboards come near: an increase is extrapolated to the edges of its range.
    asked = f"sum(increase(otelgate_llm_cost_total{{{PAST}}}[3d]))"
    assert stack.metric(asked) == pytest.approx(cost, rel=0.03)


@pytest.mark.shows("K11")
def test_history_has_lines_and_traces(stack: ExampleStack, summary: dict[str, Any]) -> None:
    """Lines of its first day are found, and the traces of the last hour."""
    end = int(summary["started"])
    counted = f'sum(count_over_time({{service_name="{SERVICE}"}}[1d]))'
    asked = {"query": counted, "time": str(end - 86_400)}

    def lines() -> float:
        answer = access.get(stack.settings, "loki", "/loki/api/v1/query", params=asked, timeout=60)
        result = answer.json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    between = "BETWEEN to_timestamp(%s) AND to_timestamp(%s)"
    events = f"SELECT count(*) FROM audit.events WHERE service = %s AND start_time {between}"
    stored = stack.sql(events, SERVICE, end - 2 * 86_400, end - 86_400)[0][0]
    assert until(lambda: lines() >= stored > 100)
    young = f"SELECT trace_id FROM audit.turns WHERE service = %s AND started_at {between}"
    traces = stack.sql(young, SERVICE, end - 3000, end - 30)
    assert all(until(lambda trace=trace: stack.tempo.trace(trace)) for (trace,) in traces)  # type: ignore[misc]


def test_history_is_loaded_once(
    stack: ExampleStack, summary: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    count = "SELECT count(*) FROM audit.turns WHERE service = %s"
    before = stack.sql(count, SERVICE)
    with examples.find(stack.settings) as stores:
        assert history.load(stores, EXAMPLE, 2, environment="demo") is None
    assert capsys.readouterr().err == "estate-bot has a history already: nothing is loaded\n"
    assert stack.sql(count, SERVICE) == before


@pytest.mark.parametrize("text", ["", "d", "0d", "31d", "1w", "-1"])
def test_days(text: str) -> None:
    assert history.days("7d") == history.days("7") == 7
    with pytest.raises(ValueError, match=rf"^HISTORY='{text}': expected a number of days from 1 to 30, such as 7d$"):
        history.days(text)


def total(stack: ExampleStack, metric: str) -> float:
    """All that the history's series of a metric grew by, exactly: from their samples, which begin with 0."""
    asked = {"query": f"{metric}{{{PAST}}}[3d]", "time": f"{time.time():.3f}"}
    answer = access.get(stack.settings, "prometheus", "/api/v1/query", params=asked, timeout=60)
    found = 0.0
    for series in answer.json()["data"]["result"]:
        values = [float(value) for _, value in series["values"]]
        steps = zip([0.0, *values], values, strict=False)
        found += sum(after - before if after >= before else after for before, after in steps)
    return found
