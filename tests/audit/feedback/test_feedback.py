"""`POST /v1/feedback`: who may vote, what arrives at the gateway, and that nothing is lost without a word."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
import otelgate
import pytest
from otelgate_audit.feedback import app, body, emit, rates, votes
from otelgate_audit.feedback.tokens import Claims, verify
from otelgate_audit.settings import SettingsError
from otelgate_stack import web
from starlette.requests import Request
from waiting import until

from ..feedback_server import SECRET, TRACE_ID, Gateway, serving, settings, token

RATING = "expected one of positive, negative, up, down, true, false, or an integer from 1 to 5"
ORIGIN = "https://shop.example"
MANY = {"OTELGATE_FEEDBACK_RATE": "1000/second"}

Start = Callable[..., httpx.Client]


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.stop()


@pytest.fixture
def start(tmp_path: Path, gateway: Gateway) -> Iterator[Start]:
    """Start an endpoint with some settings; returns a client of it."""
    open_ones: list[Any] = []

    def start(**env: str) -> httpx.Client:
        context = serving(settings(tmp_path, gateway.endpoint, **{**MANY, **env}))
        client = web.client(base_url=context.__enter__(), timeout=30)
        open_ones.append((context, client))
        return client

    yield start
    for context, client in open_ones:
        client.close()
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of an endpoint whose gateway must get nothing, for all tests of what is refused."""
    gateway = Gateway()
    loaded = settings(tmp_path_factory.mktemp("refusing"), gateway.endpoint, **MANY)
    with serving(loaded) as url, web.client(base_url=url, timeout=30) as client:
        yield client
    gateway.stop()
    assert gateway.requests == []


def post(client: httpx.Client, rating: Any, given: str | None = None, **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    if given is not None:
        headers["Authorization"] = f"Bearer {given}"
    return client.post("/v1/feedback", json={"rating": rating, **more}, headers=headers)


def attributes(gateway: Gateway) -> list[dict[str, Any]]:
    found = []
    for request in gateway.requests:
        (resource,) = request.resource_logs
        (scope,) = resource.scope_logs
        (record,) = scope.log_records
        assert (scope.scope.name, record.event_name, record.severity_number) == ("otelgate", "otelgate.feedback", 9)
        own = {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in record.attributes}
        own |= {each.key: each.value.string_value for each in resource.resource.attributes}
        own |= {"trace": record.trace_id.hex(), "span": record.span_id.hex(), "time": record.time_unix_nano}
        found.append(own)
    return found


def test_vote_arrives_as_the_sdks_event(start: Start, gateway: Gateway) -> None:
    claims = {
        "sub": "user-7", "sid": "session-1", "svc": "shop", "env": "production", "agent": "clerk", "tier": "pro",
        "feature": "search",
    }  # fmt: skip
    answer = post(start(), 4, token(**claims), trace_id=TRACE_ID.upper(), comment="  Found it at once. ")
    assert (answer.status_code, answer.json()) == (202, {"thanks": "Thank you for your feedback."})
    (found,) = attributes(gateway)
    assert uuid.UUID(found.pop("log.record.uid")).version == 4
    assert found.pop("time") > 1_700_000_000 * 10**9
    assert found == {
        "trace": TRACE_ID,
        "span": "",
        "otelgate.feedback.rating": "positive",
        "otelgate.feedback.score": 4,
        "otelgate.feedback.comment": "Found it at once.",
        "user.id": "user-7",
        "session.id": "session-1",
        "gen_ai.agent.name": "clerk",
        "otelgate.tier": "pro",
        "otelgate.feature": "search",
        "otelgate.content": "true",  # or its comment would not be kept
        "service.name": "shop",
        "deployment.environment.name": "production",
    }


def test_vote_is_decoded_by_the_store(start: Start, gateway: Gateway) -> None:
    assert post(start(), "down", token(sub="user-7", svc="shop"), comment="No.").status_code == 202
    (batch,) = gateway.stored()
    (vote,) = batch.feedback
    assert (vote.trace_id, vote.service, vote.user_id, vote.rating, vote.score) == (
        TRACE_ID, "shop", "user-7", "negative", None,
    )  # fmt: skip
    (text,) = batch.texts.values()
    assert (text.record, text.trace_id, text.input) == (vote.uid, TRACE_ID, "No.")
    assert batch.rejects == []


def test_feedback_needs_only_the_sdks_token(
    start: Start, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = start()
    monkeypatch.setenv("OTELGATE_FEEDBACK_SECRET_FILE", str(tmp_path / "feedback_secret"))
    with otelgate.session("session-1", user_id="user-7"):
        given = otelgate.feedback_token(TRACE_ID)
    assert post(client, True, token=given).status_code == 202
    (found,) = attributes(gateway)
    assert (found["trace"], found["user.id"], found["session.id"]) == (TRACE_ID, "user-7", "session-1")


@pytest.mark.parametrize(
    ("rating", "word", "points"),
    [
        ("positive", "positive", None), ("Negative", "negative", None), ("up", "positive", None),
        ("down", "negative", None), (True, "positive", None), (False, "negative", None), (1, "negative", 1),
        (2, "negative", 2), (3, None, 3), (4, "positive", 4), (5, "positive", 5),
    ],
)  # fmt: skip
@pytest.mark.shows("F10", "K13")
def test_ratings(rating: Any, word: str | None, points: int | None) -> None:
    assert body.check({"rating": rating}) == (None, (word, points), None)


@pytest.mark.parametrize(
    ("sent", "field", "value", "error"),
    [
        ({}, "rating", None, f"rating: {RATING}"),
        ({"rating": "meh"}, "rating", "'meh'", f"rating='meh': {RATING}"),
        ({"rating": 6}, "rating", "6", f"rating=6: {RATING}"),
        ({"rating": 4.0}, "rating", "4.0", f"rating=4.0: {RATING}"),
        ({"rating": None}, "rating", None, f"rating: {RATING}"),
        (
            {"rating": 1, "trace_id": "xyz"},
            "trace_id",
            "'xyz'",
            "trace_id='xyz': expected 32 hexadecimal digits, not all of them 0",
        ),
        (
            {"rating": 1, "trace_id": "0" * 32},
            "trace_id",
            f"'{'0' * 32}'",
            f"trace_id='{'0' * 32}': expected 32 hexadecimal digits, not all of them 0",
        ),
        ({"rating": 1, "comment": 5}, "comment", None, "comment: expected a string"),
        ({"rating": 1, "comment": "x" * 4001}, "comment", None, "comment: expected at most 4000 characters, not 4001"),
        (
            {"rating": 1, "coment": "secret words"},
            "coment",
            None,
            "coment: expected no other fields than trace_id, rating, comment, token",
        ),
        ({"rating": 1, "token": 5}, "token", None, "token: expected a string"),
    ],
)
def test_feedback_names_wrong_field(
    refusing: httpx.Client, sent: dict[str, Any], field: str, value: str | None, error: str
) -> None:
    headers = {} if "token" in sent else {"Authorization": f"Bearer {token()}"}
    answer = refusing.post("/v1/feedback", json=sent, headers=headers)
    expected = error.partition("expected ")[2]
    assert answer.status_code == 400
    assert answer.json() == {"error": error, "field": field, "value": value, "expected": expected}


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'"up"', b"\xff", b'{"rating": NaN}', b"[" * 10_000])
def test_feedback_refuses_body_that_is_no_json_object(refusing: httpx.Client, raw: bytes) -> None:
    answer = refusing.post("/v1/feedback", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "body: expected a JSON object with trace_id, rating, comment, token"


def test_another_kind_of_body_is_refused(refusing: httpx.Client) -> None:
    """A form or plain text could be sent by any page without its browser asking first."""
    answer = refusing.post("/v1/feedback", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]) == (415, "Content-Type='text/plain': expected application/json")


def test_feedback_refuses_large_body_with_or_without_its_length(refusing: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    large = json.dumps({"rating": 1, "comment": "x" * 20_000}).encode()

    def chunks() -> Iterator[bytes]:
        yield from (large[i : i + 4096] for i in range(0, len(large), 4096))

    for content in (large, chunks()):
        answer = refusing.post("/v1/feedback", content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (413, "body: expected at most 16384 bytes")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (None, "token: expected a signed token, in the header Authorization: Bearer or in the body"),
        ("x.y.z", "token: expected one that the back end signed for this endpoint"),
        (token(secret=SECRET[::-1]), "token: expected one that the back end signed for this endpoint"),
        (token(expires_s=-1), "token: expected one that has not expired"),
        (token(aud="another"), "token: expected one that the back end signed for this endpoint"),
        (token(exp=None), "token: expected one that the back end signed for this endpoint"),
        (token(trace_id="short"), "token: expected one whose trace_id is 32 hexadecimal digits"),
        (token(sub="x" * 513), "token: expected one whose sub is a string of at most 512 bytes"),
        (token(svc=7), "token: expected one whose svc is a string of at most 512 bytes"),
        ("x" * 5000, "token: expected at most 4096 characters"),
        (
            jwt.encode({"aud": "otelgate-feedback", "trace_id": TRACE_ID, "exp": 2**33}, "", "none"),
            "token: expected one that the back end signed for this endpoint",
        ),
        (
            jwt.encode({"aud": "otelgate-feedback", "trace_id": TRACE_ID, "exp": 2**33}, SECRET * 2, "HS512"),
            "token: expected one that the back end signed for this endpoint",
        ),
    ],
)  # fmt: skip
def test_tokens_that_are_no_good(refusing: httpx.Client, given: str | None, error: str) -> None:
    answer = post(refusing, "up", given)
    assert (answer.status_code, answer.json()["error"], answer.json()["value"]) == (401, error, None)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="otelgate-feedback"'


def test_text_in_a_token_that_is_no_unicode() -> None:
    assert verify(token(sub="broken \ud800 id"), SECRET.encode()) == Claims(TRACE_ID, sub="broken ? id")


def test_token_of_another_trace_is_refused(refusing: httpx.Client) -> None:
    answer = post(refusing, "up", token(), trace_id="1" * 32)
    assert answer.status_code == 403
    assert answer.json()["error"] == f"trace_id='{'1' * 32}': expected the trace that the token is for"


@pytest.mark.shows("F10", "K13")
def test_repeated_vote_is_one_record_and_changed_vote_another(start: Start, gateway: Gateway) -> None:
    client, given = start(), token(sub="user-7")
    for rating in ("up", "up", "positive", True, "down", "up"):
        assert post(client, rating, given).status_code == 202
    # Another token for the same answer and user makes no other voter.
    assert post(client, "up", token(sub="user-7", expires_s=999)).status_code == 202
    found = attributes(gateway)
    assert [each["otelgate.feedback.rating"] for each in found] == ["positive", "negative", "positive"]
    assert len({each["log.record.uid"] for each in found}) == 3
    assert [each["time"] for each in found] == sorted(each["time"] for each in found)


def test_comment_on_vote_is_stored_and_not_counted_again(start: Start, gateway: Gateway) -> None:
    client, given = start(), token()
    for more in ({}, {"comment": "Wrong order."}, {"comment": "Wrong order."}, {}):
        assert post(client, "down", given, **more).status_code == 202
    first, second = attributes(gateway)
    assert first["log.record.uid"] == second["log.record.uid"]
    assert (second["otelgate.feedback.comment"], "otelgate.feedback.comment" in first) == ("Wrong order.", False)
    assert first["time"] < second["time"]


def test_other_voters_are_others(start: Start, gateway: Gateway) -> None:
    client = start()
    for claims in ({"sub": "a"}, {"sub": "b"}, {"sid": "a"}, {"sub": "a", "svc": "shop"}, {"trace_id": "1" * 32}):
        assert post(client, "up", token(**claims)).status_code == 202
    assert len({each["log.record.uid"] for each in attributes(gateway)}) == 5


def test_uid_is_stable_across_restarts_and_hides_the_voter() -> None:
    claims, rating = Claims(TRACE_ID, sub="user-7"), body.Rating("positive", None)
    first, again, other = (votes.Votes(secret).take(claims, rating, None, 1) for secret in (b"a", b"a", b"b"))
    assert first.uid == again.uid != other.uid


def test_voters_are_forgotten_beyond_the_limit() -> None:
    known = votes.Votes(b"secret", limit=2)
    rating = body.Rating("positive", None)
    trace_ids = ["1" * 32, "2" * 32, "3" * 32]
    first = [known.take(Claims(each), rating, None, 1) for each in trace_ids]
    assert [known.take(Claims(each), rating, None, 2).time_ns for each in (*trace_ids[1:], trace_ids[0])] == [1, 1, 2]
    assert len({each.uid for each in first}) == 3


def test_vote_time_does_not_go_back_with_the_clock() -> None:
    known, claims = votes.Votes(b"secret"), Claims(TRACE_ID)
    known.take(claims, body.Rating("positive", None), None, 10**9)
    assert known.take(claims, body.Rating("negative", None), None, 5).time_ns == 10**9 + 1000


def test_feedback_answers_503_if_gateway_refuses_and_retry_is_same_record(start: Start, gateway: Gateway) -> None:
    client, given = start(), token()
    gateway.status = grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.get("/health").json() == {"status": "ok", "gateway": "not asked yet"}
    answer = post(client, "up", given, comment="Fine.")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json() == {"error": "the gateway did not take it; send it again"}
    assert client.get("/health").json() == {"status": "ok", "gateway": "away"}
    assert gateway.refused > 0
    gateway.status = None
    assert [post(client, "up", given, comment="Fine.").status_code for _ in range(2)] == [202, 202]
    assert [each["otelgate.feedback.comment"] for each in attributes(gateway)] == ["Fine."]
    assert client.get("/health").json() == {"status": "ok", "gateway": "ok"}


def test_retry_keeps_uid_and_time() -> None:
    """Also where the gateway had it, and only the answer got lost."""
    known, claims, rating = votes.Votes(b"secret"), Claims(TRACE_ID), body.Rating("positive", None)
    first = known.take(claims, rating, "Fine.", 1)
    again = known.take(claims, rating, "Fine.", 2)
    assert (again, again.delivered) == (first, False)
    known.delivered(claims, first)
    assert known.take(claims, rating, None, 3).delivered


def test_feedback_answers_503_while_gateway_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as taken:  # it listens and says nothing
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with serving(settings(tmp_path, endpoint)) as url:
            answer = web.post(f"{url}/v1/feedback", json={"rating": 1, "token": token()})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_too_many_waiting_votes_are_refused_immediately(
    start: Start, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start()
    monkeypatch.setattr(app, "MAX_WAITING", 0)
    answer = post(client, "up", token())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json() == {"error": "too many votes are waiting; send it again"}
    assert gateway.requests == []


def test_feedback_limits_each_address_and_voter(start: Start, gateway: Gateway) -> None:
    client = start(OTELGATE_FEEDBACK_RATE="3/hour", OTELGATE_FEEDBACK_TRUST_PROXY="1")

    def vote(rating: int, address: str, **claims: str) -> httpx.Response:
        return post(client, rating, token(**claims), headers={"X-Forwarded-For": address})

    answers = [vote(rating, f"10.0.0.{rating}") for rating in (1, 2, 3, 4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[3].json()["error"] == "token: expected at most 3/hour"
    assert 3500 < int(answers[3].headers["Retry-After"]) <= 3600
    answers = [vote(1, "10.0.0.9", sub=f"user-{each}") for each in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[3].json()["error"] == "address: expected at most 3/hour"
    assert len(gateway.requests) == 6


def test_bad_tokens_count_against_the_address(start: Start) -> None:
    client = start(OTELGATE_FEEDBACK_RATE="2/hour")
    # No proxy is trusted: what the client says of itself changes nothing.
    answers = [post(client, "up", "x.y.z", headers={"X-Forwarded-For": f"10.0.0.{each}"}) for each in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "peer", "expected"),
    [
        (0, ["10.0.0.1"], "192.0.2.1", "192.0.2.1"),
        (1, ["10.0.0.1, 10.0.0.2"], "192.0.2.1", "10.0.0.2"),
        (2, ["10.0.0.1, 10.0.0.2"], "192.0.2.1", "10.0.0.1"),
        (2, ["forged, 10.0.0.1", "10.0.0.2"], "192.0.2.1", "10.0.0.1"),
        (3, ["10.0.0.1, 10.0.0.2"], "192.0.2.1", "10.0.0.1"),
        (1, [], "192.0.2.1", "192.0.2.1"),
        (1, [" , "], "192.0.2.1", "192.0.2.1"),
        (0, [], "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (0, [], "::ffff:192.0.2.1", "192.0.2.1"),
        (0, [], "fe80::1%eth0", "fe80::/64"),
        (1, ["x" * 100], "192.0.2.1", "x" * 60),
    ],
)
def test_client_address_behind_proxies(proxies: int, forwarded: list[str], peer: str, expected: str) -> None:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    request = Request({"type": "http", "headers": headers, "client": (peer, 1)})
    assert rates.client(request, proxies) == expected


def test_feedback_refuses_wrong_number_of_proxies(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        settings(tmp_path, "http://127.0.0.1:1", OTELGATE_FEEDBACK_TRUST_PROXY="true")
    assert str(error.value) == "OTELGATE_FEEDBACK_TRUST_PROXY='true': expected a whole number from 0 to 10"


def test_pages_of_listed_origins_may_post_and_no_others(start: Start) -> None:
    client = start(OTELGATE_FEEDBACK_ORIGINS=f"{ORIGIN},http://localhost:3000")
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    for origin in (ORIGIN, "http://localhost:3000"):
        leave = client.options("/v1/feedback", headers={"Origin": origin, **ask})
        assert (leave.status_code, leave.headers["Access-Control-Allow-Origin"]) == (200, origin)
        assert "POST" in leave.headers["Access-Control-Allow-Methods"]
        assert {"Authorization", "Content-Type"} <= set(leave.headers["Access-Control-Allow-Headers"].split(", "))
        assert "Access-Control-Allow-Credentials" not in leave.headers
        assert "Origin" in leave.headers["Vary"].split(", ")
    answer = post(client, "meh", token(), headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (400, ORIGIN)
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "https://sub.shop.example", "null"):
        refused = client.options("/v1/feedback", headers={"Origin": origin, **ask})
        sent = post(client, "up", token(), headers={"Origin": origin})
        assert {refused.status_code, sent.status_code} == {403}
        assert not {"Access-Control-Allow-Origin"} & {*refused.headers, *sent.headers}


def test_element_is_served_with_cache_headers(start: Start) -> None:
    client = start()
    answer = client.get("/v1/feedback/element.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert 'customElements.define("otelgate-feedback"' in answer.text
    for known in (answer.headers["ETag"], f"W/{answer.headers['ETag']}", f'"other", {answer.headers["ETag"]}'):
        unchanged = client.get("/v1/feedback/element.js", headers={"If-None-Match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert client.get("/v1/feedback/element.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_answers_are_harmless_in_a_browser(start: Start) -> None:
    client = start()
    answers = [client.get("/health"), client.get("/v1/feedback"), client.get("/nothing"), post(client, "up", token())]
    assert [answer.status_code for answer in answers] == [200, 405, 404, 202]
    assert answers[2].json() == {"error": "Not Found"}
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "server" not in answer.headers


def test_log_has_no_personal_data(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    given = token(sub="user-7")
    client = start()
    assert post(client, "up", given, comment="my words").status_code == 202
    client.get("/v1/user-7?token=secret")
    lines = [each.getMessage() for each in caplog.records if each.name != "httpx"]
    assert [line.rpartition(" ms")[0].rpartition(" ")[0] for line in lines] == [
        "POST /v1/feedback 202",
        "GET (another path) 404",
    ]


def test_internal_error_is_500_and_logged_without_its_text(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(self: Any, claims: Any, vote: votes.Vote) -> bool:
        raise RuntimeError(vote.comment)

    monkeypatch.setattr(emit.Emitter, "send", fails)
    answer = post(start(), "up", token(), comment="my words")
    assert (answer.status_code, answer.json()) == (500, {"error": "something failed inside"})
    assert [each for each in caplog.messages if each.startswith("a vote: RuntimeError")]
    assert "my words" not in caplog.text


def test_feedback_refuses_short_secret_at_start(tmp_path: Path) -> None:
    loaded = settings(tmp_path, "http://127.0.0.1:1")
    file = tmp_path / "feedback_secret"
    file.write_text("x" * 31)
    with pytest.raises(SettingsError) as error, serving(loaded):
        pass
    assert str(error.value) == f"OTELGATE_FEEDBACK_SECRET_FILE='{file}': expected at least 32 bytes in it"


def test_feedback_command_runs_as_process(tmp_path: Path, gateway: Gateway) -> None:
    """Its own process, without a database, which ends with 0 on SIGTERM."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL", "OTELGATE"))},
        "OTELGATE_FEEDBACK_SECRET_FILE": str(secret),
        "OTELGATE_FEEDBACK_PORT": str(port),
        "OTEL_EXPORTER_OTLP_ENDPOINT": gateway.endpoint,
    }
    command = [sys.executable, "-m", "otelgate_audit", "feedback"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        client = web.client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        assert until(lambda: process.poll() is not None or _answers(client)), "the command's start"
        assert post(client, "up", token()).status_code == 202
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate()
    assert process.returncode == 0
    assert f"votes on 127.0.0.1:{port}/v1/feedback" in stderr
    assert "POST /v1/feedback 202" in stderr
    assert "stopped" in stderr
    assert len(gateway.requests) == 1


def test_feedback_names_port_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "log_to_stderr", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        loaded = settings(tmp_path, "http://127.0.0.1:1", OTELGATE_FEEDBACK_PORT=str(port))
        assert app.serve_feedback(loaded) == 1
    assert caplog.messages == [f"127.0.0.1:{port}: can't listen there; is another process on that port?"]


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False
