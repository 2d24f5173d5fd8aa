"""`feedback_token`: what it claims, who can read it back, and what happens without a secret or a trace."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import otelgate
import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from otelgate import _guard, _settings
from programs import Result

SECRET = "0123456789abcdef0123456789abcdef"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
NO_SECRET = "OTELGATE_FEEDBACK_SECRET_FILE: not set; expected a file with at least 32 bytes"
TRACE = "expected 32 hexadecimal digits, not all of them 0, or None inside of a trace; there is no token"
SECONDS = "expected seconds, more than 0; there is no token"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "_reported", set())
    monkeypatch.delenv("OTELGATE_FEEDBACK_SECRET_FILE", raising=False)
    monkeypatch.setenv("OTELGATE_FEEDBACK_SECRET", SECRET)
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    resource = Resource({"service.name": "shop", "deployment.environment.name": "production"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield provider
    provider.shutdown()


def claims(token: str | None, secret: str = SECRET) -> dict[str, Any]:
    assert token is not None
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    return dict(jwt.decode(token, secret, algorithms=["HS256"], audience="otelgate-feedback"))


def test_a_token_of_a_trace() -> None:
    before = int(time.time())
    found = claims(otelgate.feedback_token(TRACE_ID.upper(), expires_s=60))
    assert before + 60 <= found.pop("exp") <= int(time.time()) + 61
    assert found == {"aud": "otelgate-feedback", "trace_id": TRACE_ID}


def test_a_day_if_not_said() -> None:
    assert claims(otelgate.feedback_token(TRACE_ID))["exp"] >= int(time.time()) + 86_399


def test_the_current_trace_session_user_and_service(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("test")
    with (
        otelgate.session("session-1", user_id="user-7", tier="pro", feature="search", secret="stays"),
        otelgate.agent("clerk"),
        tracer.start_as_current_span("turn") as span,
    ):
        found = claims(otelgate.feedback_token())
    del found["exp"]
    assert found == {
        "aud": "otelgate-feedback",
        "trace_id": format(span.get_span_context().trace_id, "032x"),
        "sub": "user-7",
        "sid": "session-1",
        "agent": "clerk",
        "tier": "pro",
        "feature": "search",
        "svc": "shop",
        "env": "production",
    }


def test_the_service_of_the_environment_while_telemetry_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    assert claims(otelgate.feedback_token(TRACE_ID))["svc"] == "shop"


def test_text_that_is_no_unicode() -> None:
    with otelgate.session("broken \ud800 id"):
        assert claims(otelgate.feedback_token(TRACE_ID))["sid"] == "broken ? id"


def test_file_overrides_variable_and_is_reread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    monkeypatch.setenv("OTELGATE_FEEDBACK_SECRET_FILE", str(file))
    for secret in ("first" * 8, "second" * 8):
        file.write_text(f"{secret}\n")
        assert claims(otelgate.feedback_token(TRACE_ID), secret)["trace_id"] == TRACE_ID


@pytest.mark.parametrize("bad", ["", "abc", "0" * 32, "g" * 32, TRACE_ID + "00", 7, b"0" * 32])
def test_a_bad_trace_id(bad: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert otelgate.feedback_token(bad) is None
    assert caplog.messages == [f"otelgate.feedback_token(trace_id={_guard._short.repr(bad)}): {TRACE}"]


def test_outside_of_a_trace_it_is_none_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    assert otelgate.feedback_token() is None
    assert otelgate.feedback_token() is None
    assert caplog.messages == [f"otelgate.feedback_token(trace_id=None): {TRACE}"]


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), 1e300, "60", None, True])
def test_a_bad_lifetime(bad: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert otelgate.feedback_token(TRACE_ID, expires_s=bad) is None
    assert caplog.messages == [f"otelgate.feedback_token(expires_s={bad!r}): {SECONDS}"]


def test_without_a_secret_it_is_none_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTELGATE_FEEDBACK_SECRET", " ")
    assert otelgate.feedback_token(TRACE_ID) is None
    assert otelgate.feedback_token(TRACE_ID) is None
    assert caplog.record_tuples == [
        ("otelgate", logging.WARNING, f"otelgate.feedback_token(): {NO_SECRET}; there is no token")
    ]


def test_secrets_that_are_refused(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("x" * 31)
    for environ, message in (
        ({}, NO_SECRET),
        ({"OTELGATE_FEEDBACK_SECRET": "hush"}, "OTELGATE_FEEDBACK_SECRET='***': expected at least 32 bytes"),
        (
            {"OTELGATE_FEEDBACK_SECRET_FILE": str(short)},
            f"OTELGATE_FEEDBACK_SECRET_FILE='{short}': expected at least 32 bytes in it",
        ),
        (
            {"OTELGATE_FEEDBACK_SECRET_FILE": "/nowhere", "OTELGATE_FEEDBACK_SECRET": SECRET},
            "OTELGATE_FEEDBACK_SECRET_FILE='/nowhere': expected a file that can be read",
        ),
    ):
        with pytest.raises(_settings.SettingError) as error:
            _settings.feedback_secret(environ)
        assert str(error.value) == message


def test_a_failure_inside_stays_inside(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> bytes:
        raise RuntimeError("broken")

    monkeypatch.setattr(_settings, "feedback_secret", fails)
    assert otelgate.feedback_token(TRACE_ID) is None
    assert caplog.messages == ["feedback_token failed inside otelgate; the application goes on"]


def test_in_a_program(run: Callable[..., Result]) -> None:
    result = run(
        """
        import otelgate
        otelgate.init()
        with otelgate.session("s-1", user_id="u-1"), otelgate.agent("clerk"):
            print(otelgate.current_trace_id())
            print(otelgate.feedback_token())
        """,
        OTELGATE_FEEDBACK_SECRET=SECRET,
        OTEL_SERVICE_NAME="shop",
    )
    trace_id, token = result.stdout.split()
    found = claims(token)
    assert (found["trace_id"], found["sub"], found["sid"], found["svc"]) == (trace_id, "u-1", "s-1", "shop")
