"""How the past becomes series: on a grid, exact, and in Prometheus' own formats."""

import itertools
import random
from pathlib import Path

import pytest

from examples.common import history, otlp, prometheus, series
from examples.common.derived import Observation, observations
from examples.common.fake_models import Profile
from examples.common.story import Story
from examples.common.visit import Visit
from examples.estate_bot.example import EstateBot

END = 1_790_000_000.0
START = END - 3 * 86_400
MODEL = Profile("claude-sonnet-4-5", "anthropic", instruction_tokens=1000, cached=0.5)
VISIT = Visit(END - 100, "u-1", "s-1", "free", ())


def counters(times: list[float]) -> series.Series:
    seen = [Observation(at, "app.things", "{thing}", (("kind", "a"),), 1.0, None) for at in times]
    (found,) = series.counted(seen, "history")
    return found


def grown(values: list[float]) -> float:
    return sum(after - before if after >= before else after for before, after in itertools.pairwise(values))


@pytest.mark.parametrize("seed", range(60))
def test_no_increase_is_lost(seed: int) -> None:
    """With any gaps, the increase of the series is the count."""
    draw = random.Random(seed)
    times = sorted(draw.uniform(START, END) for _ in range(draw.choice((1, 3, 40, 2000))))
    points = series.grid(START, END)
    found = list(series.on_grid(counters(times), points))
    assert [at for at, _ in found] == sorted({at for at, _ in found})
    assert found[0][1] == 0
    assert grown([value for _, value in found]) == len(times)


def test_a_series_ends_and_begins_again() -> None:
    first, second = START + 1000, START + 1000 + series.ENDS_AFTER_S + 400
    found = dict(series.on_grid(counters([first, second]), series.grid(START, END)))
    before = max(at for at in found if at < second)
    assert found[before] == 0
    assert max(found) <= second + series.ENDS_AFTER_S


def test_the_grid_grows_finer() -> None:
    points = series.grid(START, END)
    steps = [after - before for before, after in itertools.pairwise(points)]
    assert min(steps) > 0
    assert max(steps) == 300
    assert points[1] - points[0] == 300
    assert points[-1] - points[-2] == 15
    assert points[-2] < END <= points[-1]


def test_openmetrics_text(tmp_path: Path) -> None:
    points = series.grid(START, END)
    all_series = [counters([START + 400, START + 500])]
    files = prometheus.write_files(all_series, points, START + 5000, tmp_path, lambda number: None)
    lines = [line for file in files for line in file.read_text().splitlines()]
    labels = '{instance="history",kind="a",otel_scope_name="otelgate/derive"}'
    at = [point for point in points if START + 99 < point < START + 800]
    assert lines[:3] == [f"app_things_total{labels} {value} {when}" for value, when in zip((0, 1, 2), at, strict=False)]
    assert lines[-1] == "# EOF"
    assert max(int(line.split()[-1]) for line in lines if not line.startswith("#")) < START + 5000


def test_snappy_holds_the_bytes() -> None:
    content = bytes(range(256)) * 1000
    block, found = prometheus._snappy(content), b""
    size, at = 0, 0
    while True:
        size |= (block[at] & 127) << 7 * at
        at += 1
        if block[at - 1] < 128:
            break
    while at < len(block):
        assert block[at] == 61 << 2
        length = int.from_bytes(block[at + 1 : at + 3], "little") + 1
        found += block[at + 3 : at + 3 + length]
        at += 3 + length
    assert size == len(content)
    assert found == content


def test_a_turn_is_what_the_gateway_would_have_made_of_it() -> None:
    story = Story("shop", random.Random(1))
    turn = story.turn(VISIT, "clerk", at=END - 100, question="Where is it?", feature="orders")
    plan = turn.model(MODEL, prompt=500, reply=100, text="Let me look.")
    turn.tool("find", 2.0, error="TimeoutError")
    turn.end("It is lost.")
    turn.vote(False)
    otlp.finish(story)
    found = {(seen.metric, seen.labels): seen for seen in observations(story, {"service.name": "shop"})}
    by_name = {name: seen for (name, _), seen in found.items()}
    # 1,500 tokens of prompt, 500 of them cached: 1000 at 3 + 500 at 0.3 + 100 at 15 dollars a million.
    assert by_name["otelgate.llm.cost"].value == pytest.approx(0.00465)
    assert ("otelgate.cost.status", "priced") in by_name["otelgate.llm.cost"].labels
    assert dict(by_name["gen_ai.execute_tool.duration"].labels)["error.type"] == "TimeoutError"
    assert by_name["gen_ai.execute_tool.duration"].value == pytest.approx(2.0)
    assert by_name["gen_ai.invoke_agent.duration"].value == pytest.approx(plan.duration_s + 2.0)
    assert dict(by_name["gen_ai.invoke_agent.duration"].labels) == {
        "service.name": "shop",
        "gen_ai.agent.name": "clerk",
        "otelgate.tier": "free",
        "otelgate.feature": "orders",
    }
    assert dict(by_name["otelgate.feedback.count"].labels)["rating"] == "negative"
    assert {dict(labels)["gen_ai.token.type"] for name, labels in found if name == "gen_ai.client.token.usage"} == {
        "input",
        "output",
    }


def test_content_goes_to_the_audit_store_alone() -> None:
    story = Story("shop", random.Random(1))
    turn = story.turn(VISIT, "clerk", at=END - 100, question="a secret question")
    turn.tool("find", 1.0, arguments="secret arguments", result="a secret result")
    turn.end("a secret answer")
    turn.vote(True, comment="a secret comment")
    for content in (True, False):
        requests = [
            *otlp.trace_requests(story.spans, {"service.name": "shop"}, content=content),
            *otlp.log_requests(story.logs, {"service.name": "shop"}, content=content),
        ]
        assert str(requests).count("secret") == (5 if content else 0)


def test_the_same_seed_gives_the_same_past() -> None:
    pasts = [history.tell(EstateBot(), END - 86_400, END, environment="demo", seed=3) for _ in range(2)]
    assert pasts[0].story.spans == pasts[1].story.spans
    assert pasts[0].story.logs == pasts[1].story.logs
    assert max(span.end for span in pasts[0].story.spans) < END
    traces = {span.trace_id for span in pasts[0].story.spans}
    roots = [span for span in pasts[0].story.spans if span.parent_id is None]
    assert len(roots) == len(traces) > 100
