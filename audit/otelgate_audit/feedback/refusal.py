"""Answers that are not 202."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import JSONResponse

_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


class Refusal(Exception):
    """The wrong field, its value, and the expected value.

    `value` is truncated; None if it must not be shown: a secret, or message content."""

    def __init__(
        self, status: int, field: str, value: object, expected: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.field = field
        self.value = None if value is None else _SHORT.repr(value)
        self.expected = expected
        self.headers = dict(headers or {})
        shown = field if self.value is None else f"{field}={self.value}"
        super().__init__(f"{shown}: expected {expected}")

    def response(self) -> JSONResponse:
        """The answer, in JSON."""
        body: dict[str, Any] = {"error": str(self), "field": self.field, "value": self.value, "expected": self.expected}
        return JSONResponse(body, self.status, self.headers)


class Unavailable(Exception):
    """503: nothing was stored, the page should retry."""

    def __init__(self, reason: str, retry_after_s: int) -> None:
        self._headers = {"Retry-After": str(retry_after_s)}
        super().__init__(f"{reason}; send it again")

    def response(self) -> JSONResponse:
        """The answer, in JSON."""
        return JSONResponse({"error": str(self)}, 503, self._headers)
