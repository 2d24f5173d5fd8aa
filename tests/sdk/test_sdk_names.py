"""The SDK and the gateway spell what they share the same: names.py here, the gateway's tables there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from otelgate import _content, names

COLLECTOR = Path(__file__).parents[2] / "collector"
METRICS, MAPPING, POLICY = "derive/metrics.yaml", "genai/mapping.yaml", "redact/policy.yaml"
CONTENT = (names.OTELGATE_FEEDBACK_COMMENT, names.GEN_AI_EVALUATION_EXPLANATION)
"""Attributes that the SDK sends as message content."""

READ_BY = {
    METRICS: (
        names.OPERATION_INVOKE_AGENT,
        names.GEN_AI_OPERATION_NAME,
        names.GEN_AI_AGENT_NAME,
        names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
        names.ERROR_TYPE,
        names.OTELGATE_TIER,
        names.OTELGATE_EVENT_NAME,
        names.OTELGATE_EVENT_VALUE,
        names.OTELGATE_EVENT_UNIT,
        names.EVENT_FEEDBACK,
        names.OTELGATE_FEEDBACK_RATING,
        names.EVENT_EVALUATION_RESULT,
        names.GEN_AI_EVALUATION_NAME,
        names.GEN_AI_EVALUATION_SCORE_VALUE,
        names.GEN_AI_EVALUATION_SCORE_LABEL,
    ),
    MAPPING: (
        names.OPERATION_INVOKE_AGENT,
        names.GEN_AI_OPERATION_NAME,
        names.GEN_AI_AGENT_NAME,
        names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
        names.EVENT_FIRST_CHUNK,
        names.SESSION_ID,
        names.USER_ID,
    ),
    POLICY: (*CONTENT, names.SESSION_ID, names.USER_ID, names.ERROR_TYPE, names.OTELGATE_TIER),
}
SHARED = re.compile(r"otelgate\.(event|feedback)(\.[\w.]+)?|gen_ai\.evaluation\.[\w.]+")


def parsed(table: str) -> Any:
    return yaml.safe_load((COLLECTOR / table).read_text())


def words(node: Any) -> Iterator[str]:
    """Every key and value of a parsed YAML file."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from words(value)
    elif isinstance(node, list):
        for item in node:
            yield from words(item)
    else:
        yield str(node)


@pytest.mark.parametrize("table", READ_BY)
def test_the_gateway_knows_the_names(table: str) -> None:
    assert [name for name in READ_BY[table] if name not in set(words(parsed(table)))] == []


@pytest.mark.parametrize("table", READ_BY)
def test_the_gateway_asks_for_no_other_names_of_events(table: str) -> None:
    known = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    asked = {word for word in words(parsed(table)) if SHARED.fullmatch(word)}
    metrics = {metric["name"] for metric in parsed(METRICS)["metrics"]}
    assert asked - metrics - known == set()


def test_a_resent_event_is_known_by_its_uid() -> None:
    assert f'Get("{names.LOG_RECORD_UID}")' in (COLLECTOR / "derive" / "record.go").read_text()


def sources(entry: dict[str, Any]) -> Iterator[str]:
    """The attributes that the gateway reads a canonical one from."""
    for source in entry["from"]:
        name = source if isinstance(source, str) else source.get("attribute", "")
        if name and not name.startswith("metadata."):
            yield name


def test_mapped_attributes_leave_the_process() -> None:
    """Except those that it treats as content itself. Numbers leave under any name."""
    content = set(parsed(POLICY)["attributes"]["content"])
    texts = {k: v for k, v in parsed(MAPPING)["attributes"].items() if v["type"] in ("string", "strings")}
    wanted = {name for canonical, entry in texts.items() for name in (canonical, *sources(entry))} - content
    assert sorted(name for name in wanted if not _content.allowed(name)) == []


def test_content_attributes_stay_in_the_process() -> None:
    patterns = parsed(POLICY)["attributes"]["content"]
    exact = [name for name in patterns if "*" not in name]
    assert [name for name in exact if _content.allowed(name)] == []
    prefixes = [name.removesuffix("*").rstrip(".") for name in patterns if name.endswith("*")]
    assert [name for name in prefixes if _content.allowed(name) or _content.allowed(f"{name}.0.text")] == []


@pytest.mark.parametrize("name", CONTENT)
def test_content_is_content_on_both_sides(name: str) -> None:
    assert name in parsed(POLICY)["attributes"]["content"]
    assert _content.denied(name)
    assert not _content.allowed(name)
