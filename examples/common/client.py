"""The users' side of HTTP: requests that leave no telemetry, since users have none."""

from typing import Any

import httpx
from opentelemetry.instrumentation.utils import suppress_instrumentation


class Browser:
    """One connection pool for all users; `url` is the application's."""

    def __init__(self, url: str, timeout_s: float = 90.0) -> None:
        self.url = url
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False, limits=limits)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send JSON. Raises httpx.HTTPError where nothing answers; an answer of any status is returned."""
        with suppress_instrumentation():
            return self._http.post(path, json=body, headers=headers)

    def get(self, path: str, params: dict[str, str] | None = None) -> httpx.Response:
        with suppress_instrumentation():
            return self._http.get(path, params=params)

    def close(self) -> None:
        self._http.close()
