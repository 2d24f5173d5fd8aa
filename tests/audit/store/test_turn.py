import dataclasses
import itertools

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otelgate_audit.store.marks import MAX_NAMES
from otelgate_audit.store.turn import Turn, merge, question_hash, question_key, rebuild

from ..records import NOW, TRACE, event, feedback, model_call, run, score, tool_call, words

KEY = question_key(b"k" * 32)

# Few different values, so that much is equal and ties have to be decided.
_times = st.integers(NOW, NOW + 3)
_names = st.none() | st.sampled_from(["a", "b", "c"])
_spans = {
    "parent_span_id": st.none() | st.just("00f067aa0ba902b7"),
    "service": st.sampled_from(["travel", "billing"]),
    "environment": _names,
    "agent": _names,
    "session_id": _names,
    "user_id": _names,
    "tier": _names,
    "feature": _names,
    "duration_us": st.integers(0, 5),
    "status": st.sampled_from(["ok", "error"]),
    "cancelled": st.booleans(),
    "error_type": _names,
    "duplicate_of": st.none() | st.none() | st.just("00f067aa0ba902b7"),
}
_tokens = st.none() | st.integers(0, 10**12)
_calls = {
    "operation": st.sampled_from(["chat", "embeddings"]),
    "request_model": _names,
    "response_model": _names,
    "input_tokens": _tokens,
    "output_tokens": _tokens,
    "cache_read_tokens": _tokens,
    "cache_creation_tokens": _tokens,
    "reasoning_tokens": _tokens,
    "time_to_first_chunk_us": st.none() | st.integers(0, 5),
    "cost_pico": st.none() | st.integers(0, 10**18),
    "price_version": _names,
}
_votes = {
    "rating": st.none() | st.sampled_from(["positive", "negative"]),
    "score": st.none() | st.integers(1, 5),
}
_scores = {
    "name": st.sampled_from(["confidence", "relevance", "retrieval.relevance", "toxicity"]),
    "value": st.none() | st.floats(0, 1),
}


@st.composite
def _items(draw, least=1):
    """Records of one trace with their words, at least one a span; each has an id of its own."""
    kinds = draw(
        st.lists(st.sampled_from(["run", "call", "tool", "vote", "score", "event"]), min_size=least, max_size=9)
    )
    items = []
    for number, kind in enumerate(draw(st.permutations(["run", *kinds]))):
        name, start = f"{number:016x}", draw(_times)
        if kind == "run":
            operation = draw(st.sampled_from(["invoke_agent", "invoke_workflow", "chain"]))
            record = run(name, start, operation=operation, **draw(st.fixed_dictionaries(_spans)))
        elif kind == "call":
            record = model_call(name, start, **draw(st.fixed_dictionaries(_spans | _calls)))
        elif kind == "tool":
            record = tool_call(name, start, **draw(st.fixed_dictionaries(_spans)))
        elif kind == "vote":
            record = feedback(name, start, **draw(st.fixed_dictionaries(_votes)))
        elif kind == "score":
            record = score(name, start, **draw(st.fixed_dictionaries(_scores)))
        else:
            record = event(name, start)
        text = draw(st.none() | st.tuples(_names, _names))
        items.append((record, None) if text is None else words(record, *text))
    return items


def _row(turn):
    """The stored columns, except the times of arrival."""
    if turn.question is not None:
        turn = dataclasses.replace(turn, question_hash=question_hash(KEY, turn.question))
    row = {name: value for name, value in dataclasses.asdict(turn).items() if name not in ("marks", "question")}
    row["state"] = orjson.dumps(turn.state)
    return {name: value for name, value in row.items() if name not in ("arrived_at", "updated_at")}


def _stored(turn):
    """As it comes back from the database."""
    row = {field.name: getattr(turn, field.name) for field in dataclasses.fields(Turn)}
    if row.pop("question") is not None:
        row["question_hash"] = question_hash(KEY, turn.question)
    del row["marks"]
    back = Turn(**row)
    back.restore(orjson.loads(orjson.dumps(turn.state)))
    return back


@settings(deadline=None, derandomize=True)
@given(_items(), st.data())
def test_any_order_gives_the_same_row(items, data):
    shuffled = data.draw(st.permutations(items))
    assert _row(rebuild(shuffled, NOW)) == _row(rebuild(items, NOW))


@settings(deadline=None, derandomize=True)
@given(_items(), st.data())
def test_any_split_gives_the_same_row(items, data):
    """One record after the other, the row written and read again in between; votes wait for the first span."""
    first, rest, waiting = None, data.draw(st.permutations(items)), []
    for number, (record, text) in enumerate(rest):
        if first is None and not hasattr(record, "span_id"):
            waiting.append((record, text))
            continue
        first = merge(first, record, text, NOW + number)
        for vote in waiting:
            first = merge(first, *vote, NOW + number)
        waiting = []
        if data.draw(st.booleans()):
            first = _stored(first)
    assert _row(first) == _row(rebuild(items, NOW))


@settings(deadline=None, derandomize=True)
@given(_items())
def test_merging_leaves_the_row_it_was_given(items):
    spans = [item for item in items if hasattr(item[0], "span_id")]
    before = rebuild(spans[:1], NOW)
    kept = _row(before)
    for record, text in spans[1:]:
        merge(before, record, text, NOW)
    assert _row(before) == kept


@settings(deadline=None, derandomize=True)
@given(_items())
def test_votes_may_come_twice(items):
    votes = [item for item in items if not hasattr(item[0], "span_id")]
    assert _row(rebuild([*items, *votes], NOW)) == _row(rebuild(items, NOW))


def test_all_orders_of_a_run():
    items = [
        words(run("01", NOW, operation="chain", duration_us=900), "Where to?", "To Oslo."),
        words(run("02", NOW + 10, agent="router", user_id="u1"), "Where to?", None),
        words(model_call("03", NOW + 20, agent="router", time_to_first_chunk_us=7), "Where to?", "Hm."),
        (tool_call("04", NOW + 30, status="error"), None),
        (feedback("f1", NOW + 40, rating="negative", score=1), None),
        (score("s1", NOW + 50, value=0.75), None),
    ]
    rows = [_row(rebuild(order, NOW)) for order in itertools.permutations(items)]
    assert all(row == rows[0] for row in rows)
    expected = {
        "trace_id": TRACE,
        "started_at": NOW + 10,
        "ended_at": NOW + 1030,
        "agent": "router",
        "route": ["router"],
        "user_id": "u1",
        "status": "ok",
        "cancelled": False,
        "latency_us": 1000,
        "ttft_us": 17,
        "runs": 2,
        "model_calls": 1,
        "tool_calls": 1,
        "tool_errors": 1,
        "input_tokens": 100,
        "output_tokens": 20,
        "cost_pico": 72_000_000,
        "models": ["gpt-4.1-mini-2025-04-14"],
        "confidence": 0.75,
        "rating": "negative",
        "rating_score": 1,
        "question_hash": question_hash(KEY, "Where to?"),
        "asked_record": "01",
        "replied_record": "03",
        "replied_start": NOW + 20,
    }
    assert {name: rows[0][name] for name in expected} == expected


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (run("01", NOW + 9), run("02", NOW)),
        (run("01", NOW, operation="chain"), run("02", NOW + 9)),
        (run("01", NOW, operation="invoke_workflow"), run("02", NOW + 9)),
        (run("01", NOW, operation="chain"), run("02", NOW + 9, operation="invoke_workflow")),
        (model_call("01", NOW), run("02", NOW + 9, operation="chain")),
        (tool_call("01", NOW + 9), model_call("02", NOW)),
        (run("01", NOW, duplicate_of="09"), model_call("02", NOW + 9)),
    ],
)
def test_leading_span_by_rank(later, earlier):
    leading = earlier._replace(agent="leads", session_id="s", user_id="u", tier="pro", feature="search", service="x")
    other = later._replace(agent="other", session_id="o", user_id="o", tier="o", feature="o", service="o")
    row = rebuild([(other, None), (leading, None)], NOW)
    assert (row.agent, row.service, row.started_at) == ("leads", "x", leading.start_time)
    assert (row.session_id, row.user_id, row.tier, row.feature) == ("s", "u", "pro", "search")


def test_missing_fields_of_the_leading_span_come_from_another():
    row = rebuild([(run("01", NOW), None), (tool_call("02", NOW + 5, user_id="u1", session_id="s1"), None)], NOW)
    assert (row.user_id, row.session_id) == ("u1", "s1")


def test_status_and_latency_wait_for_the_span_that_leads():
    inner = model_call("02", NOW + 5, status="error", error_type="timeout")
    waiting = rebuild([(inner, None)], NOW)
    assert (waiting.status, waiting.error_type, waiting.latency_us) == (None, None, None)
    done = merge(waiting, run("01", NOW, duration_us=77, status="ok"), None, NOW)
    assert (done.status, done.error_type, done.latency_us) == ("ok", None, 77)
    alone = rebuild([(inner._replace(parent_span_id=None), None)], NOW)
    assert (alone.status, alone.error_type, alone.latency_us) == ("error", "timeout", 1000)
    assert rebuild([(tool_call("03"), None)], NOW).status is None


def test_turn_is_cancelled_if_its_leading_span_is():
    inner, outer = model_call("02", NOW + 5, cancelled=True), run("01", NOW)
    assert not rebuild([(inner, None), (tool_call("03", cancelled=True), None)], NOW).cancelled
    assert rebuild([(inner._replace(parent_span_id=None), None)], NOW).cancelled
    assert not rebuild([(inner, None), (outer, None)], NOW).cancelled
    row = rebuild([(inner, None), (outer._replace(cancelled=True), None)], NOW)
    assert (row.status, row.cancelled) == ("ok", True)


def test_turn_counts_duplicate_call_once():
    once = model_call("02", cache_read_tokens=5, cache_creation_tokens=6, reasoning_tokens=7)
    twice = once._replace(span_id="03", duplicate_of="02", cost_pico=None)
    tools = [tool_call("04"), tool_call("05", duplicate_of="04", status="error")]
    row = rebuild([(each, None) for each in (once, twice, *tools, run("06", duplicate_of="07"))], NOW)
    assert (row.runs, row.model_calls, row.tool_calls, row.tool_errors) == (0, 1, 1, 0)
    assert (row.input_tokens, row.output_tokens, row.cost_pico, row.unpriced_calls) == (100, 20, 72_000_000, 0)
    assert (row.cache_read_tokens, row.cache_creation_tokens, row.reasoning_tokens) == (5, 6, 7)


def test_calls_without_a_price_are_counted():
    row = rebuild([(model_call("01", cost_pico=None, price_version=None), None), (model_call("02"), None)], NOW)
    assert (row.unpriced_calls, row.cost_pico, row.price_version) == (1, 72_000_000, "2026-11-01")


def test_failed_call_without_tokens_is_not_unpriced():
    refused = model_call(
        "01", status="error", cost_pico=None, price_version=None, input_tokens=None, output_tokens=None
    )
    assert rebuild([(refused, None)], NOW).unpriced_calls == 0
    silent = refused._replace(status="ok")
    assert rebuild([(silent, None)], NOW).unpriced_calls == 1


def test_route_has_agents_in_order_of_start():
    spans = [run("01", NOW + 2, agent="b"), run("02", NOW, agent="a"), model_call("03", NOW + 1, agent="b")]
    assert rebuild([(span, None) for span in spans], NOW).route == ["a", "b"]


def test_route_and_models_are_bounded():
    spans = [model_call(f"{n:02}", NOW + n, agent=f"agent {n}", response_model=f"model {n}") for n in range(100)]
    row = rebuild([(span, None) for span in reversed(spans)], NOW)
    assert row.route == [f"agent {n}" for n in range(MAX_NAMES)]
    assert row.models == [f"model {n}" for n in range(MAX_NAMES)]


def test_embedding_has_no_question():
    row = rebuild([words(model_call("01", operation="embeddings"), "a document")], NOW)
    assert (row.asked_record, row.question) == (None, None)


def test_newest_vote_and_scores_count():
    records = [
        run("01"),
        feedback("f1", NOW + 1, rating="negative", score=1),
        feedback("f2", NOW + 2, rating=None, score=3),
        score("s1", NOW + 2, value=0.9),
        score("s2", NOW + 1, value=0.1),
        score("s3", NOW + 3, value=None, label="high"),
        score("s4", NOW, name="relevance", value=0.2),
        score("s5", NOW + 1, name="retrieval.relevance", value=0.3),
        score("s6", NOW + 9, name="toxicity", value=1.0),
    ]
    row = rebuild([(record, None) for record in records], NOW)
    assert (row.rating, row.rating_score, row.confidence, row.relevance) == (None, 3, 0.9, 0.3)


def test_first_chunk_before_leading_span_takes_no_time():
    row = rebuild([(model_call("01", NOW, time_to_first_chunk_us=1), None), (run("02", NOW + 5), None)], NOW)
    assert row.ttft_us == 0


def test_no_turn_without_a_span():
    with pytest.raises(ValueError, match="a turn's records: expected at least one span"):
        rebuild([(feedback("f1"), None)], NOW)
    with pytest.raises(ValueError, match="Score s1: expected a span before it"):
        merge(None, score("s1"), None, NOW)


def test_turn_state_names_no_person():
    span = run("01", session_id="session-1", user_id="user-1", tier="pro", agent="router")
    other = tool_call("02", NOW - 1, session_id="session-1", user_id="user-1")
    told = orjson.dumps(rebuild([(span, None), (other, None)], NOW).state).decode()
    assert not [name for name in ("session-1", "user-1", "pro", "router") if name in told]


def test_repeated_questions_have_one_hash():
    assert len({question_hash(KEY, text) for text in ("Where to?", " where  TO", "Where… to!", "WHERE\nto")}) == 1
    assert question_hash(KEY, "Where to?") != question_hash(KEY, "Where from?")
    assert question_hash(KEY, "Where to?") != question_hash(question_key(b"x" * 32), "Where to?")
    assert len(question_hash(KEY, "")) == 16
