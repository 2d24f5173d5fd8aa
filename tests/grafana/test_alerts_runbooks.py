"""One runbook for each alert, of the same sections, whose every query and command is understood by what it is for."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
import thrown_away
from dashboard_stores import Filled
from otelgate_grafana import lint
from otelgate_grafana.alerts import recording
from otelgate_grafana.alerts.model import tidy
from otelgate_grafana.alerts.rules import ALERTS
from otelgate_grafana.alerts.settings import load
from otelgate_stack import access, ports, settings
from otelgate_stack.engines.native import NativeEngine
from otelgate_stack.report import Report

RUNBOOKS = Path(__file__).resolve().parents[2] / "grafana/runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
each = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(language: str) -> list[tuple[str, str]]:
    """Runbook and text of every code block of a language."""
    found = []
    for page in PAGES:
        for text in re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
            found.append((page.stem, text.strip()))
    return found


@pytest.mark.shows("K53")
def test_one_runbook_for_each_alert() -> None:
    assert [page.stem for page in PAGES] == sorted(alert.name for alert in ALERTS)


@each
@pytest.mark.shows("K53", "F17")
def test_a_runbook_has_its_sections_and_says_something_in_each(page: Path) -> None:
    title, *parts = re.split(r"^#+ ", page.read_text(), flags=re.MULTILINE)[1:]
    assert title.strip() == page.stem
    assert [part.partition("\n")[0] for part in parts] == SECTIONS
    for part in parts:
        prose = re.sub(r"^```.*?^```$", "", part.partition("\n")[2], flags=re.MULTILINE | re.DOTALL)
        code = "```" in part
        assert len(prose.strip()) > 10 or code, part
        assert len(part) < 2500, "a runbook is read at night"
    diagnosis = parts[2]
    assert re.search(r"^```(promql|logql|sql|traceql)$", diagnosis, re.MULTILINE), "no query"


@each
def test_mitigation_is_given_or_linked(page: Path) -> None:
    """Another alert's name alone is not enough advice for an on-call engineer."""
    mitigation = page.read_text().partition("## Mitigation\n")[2].strip()
    pointed = re.match(r"(?:As|See) (?:for |under )?([A-Z]\w+)\b", mitigation)
    assert not pointed or f"[{pointed[1]}]({pointed[1]}.md" in mitigation, mitigation


def test_languages_are_known() -> None:
    written = {language for page in PAGES for language in re.findall(r"^```(\w+)$", page.read_text(), re.MULTILINE)}
    assert written == {"promql", "logql", "sql", "traceql", "sh"}


def test_other_alerts_that_are_named_exist() -> None:
    known = {alert.name for alert in ALERTS}
    for page in PAGES:
        words = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", re.sub(r"`[^`]*`", "", page.read_text())))
        assert words - known <= {"PostgreSQL", "SELECT"}, page.stem


def test_settings_that_are_named_exist() -> None:
    page = (RUNBOOKS.parents[1] / "docs/reference/settings.md").read_text()
    for runbook in PAGES:
        text = runbook.read_text()
        for name in re.findall(r"\b(?:OTELGATE|OTEL)_[A-Z_]+\b", text):
            assert name in page or name.startswith(("OTEL_EXPORTER_OTLP", "OTEL_BSP_")), f"{runbook.stem}: {name}"
        for kind, name in re.findall(r"`(thresholds|limits)\.(\w+)`", text):
            assert name in getattr(load(), kind), f"{runbook.stem}: {kind}.{name}"


def test_promql_keeps_the_rules() -> None:
    gauges = {"probe_success", "up"}
    problems = [
        f"{page}: {problem}"
        for page, text in blocks("promql")
        for problem in lint.promql(text)
        if not ("a test for zero" in problem and text.split("{")[0].split(" ")[0] in gauges)
    ]
    assert problems == []


def test_promql_is_understood(filled: Filled) -> None:
    assert _refused_by_prometheus(filled, blocks("promql")) == []


def test_every_rule_is_evaluated_over_real_series(filled: Filled) -> None:
    """Matching that is not one to one would fail here, with the labels that the gateway and exporters really write."""
    rules = [(rule.name, rule.expr) for group in recording.groups() for rule in group.rules]
    rules += [(alert.name, alert.expr) for alert in ALERTS]
    assert _refused_by_prometheus(filled, [(name, tidy(expr)) for name, expr in rules]) == []


def test_recorded_series_that_are_named_are_recorded() -> None:
    recorded = {rule.name for group in recording.groups() for rule in group.rules}
    for page, text in blocks("promql"):
        assert set(re.findall(r"\b(?:service|gateway|otelgate)\w*:[\w:]+", text)) <= recorded, page


def _refused_by_prometheus(filled: Filled, queries: list[tuple[str, str]]) -> list[str]:
    client = filled.stores.prometheus
    assert client
    answers = [
        (
            name,
            client.http.post("/api/v1/query", data={"query": text, "time": str(filled.window.end)}).json(),
        )
        for name, text in queries
    ]
    assert len(answers) > 50
    return [f"{name}: {answer['error']}" for name, answer in answers if answer["status"] != "success"]


def test_logql_is_understood(filled: Filled) -> None:
    found = blocks("logql")
    span = {"start": str(round((filled.window.end - 600) * 1e9)), "end": str(round(filled.window.end * 1e9))}
    client = filled.stores.loki
    assert client
    answers = [
        (page, client.http.get("/loki/api/v1/query_range", params={"query": text, **span})) for page, text in found
    ]
    assert answers
    assert [f"{page}: {answer.text}" for page, answer in answers if answer.status_code != 200] == []


def test_sql_is_understood_with_grafanas_rights(filled: Filled) -> None:
    found = blocks("sql")
    assert len(found) > 20
    assert filled.stores.database
    with psycopg.connect(filled.stores.database, autocommit=True) as connection:
        for page, text in found:
            try:
                connection.execute(text.removesuffix(";")).fetchall()  # type: ignore[arg-type]
            except psycopg.Error as error:
                pytest.fail(f"{page}: {error}\n{text}")


@pytest.fixture(scope="module")
def tempo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = str(tmp_path_factory.mktemp("tempo") / "state")
    env = {**ports.free_env(), "OTELGATE_STATE_DIR": folder, "OTELGATE_CACHE_DIR": str(settings.load().cache_dir)}
    loaded = settings.load(env)
    engine = NativeEngine(loaded, Report(), services=["tempo"])
    engine.up()
    with access.client(loaded, "tempo", timeout=30) as client:
        yield client
    thrown_away.end(loaded)


def test_traceql_is_understood(tempo: httpx.Client) -> None:
    found = blocks("traceql")
    assert found
    for page, text in found:
        answer = tempo.get("/api/search", params={"q": text, "limit": 1})
        assert answer.status_code == 200, f"{page}: {text}: {answer.text}"


def test_a_wrong_query_is_not_understood(tempo: httpx.Client, filled: Filled) -> None:
    assert tempo.get("/api/search", params={"q": "{ kind = nothing }"}).status_code == 400
    assert _refused_by_prometheus(filled, [("x", "rate(up)")] * 51) != []
