"""Errors, connections and access rules that the HTTP clients share."""

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx

from .. import access, web
from ..ports import LOOPBACK
from ..service_table import SPECS
from ..settings import Settings
from .spans import Span


class StoreError(Exception):
    """A store could not be reached or refused the request; the text names the URL and the reason.

    `status` is the HTTP status, None where there was no answer at all.
    """

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        super().__init__(f"{url}: {reason}")
        self.status = status


class Store(AbstractContextManager["Store"]):
    """The base of the clients: one HTTP connection pool, clear errors, `ready()`. More options are httpx's own."""

    service: str
    port_setting = ""
    """The setting of the port that it asks, if that is not the first of the service."""
    ready_path = ""
    """The path that says whether it is ready, if that is not the service's health check."""

    @classmethod
    def of(cls, settings: Settings, timeout_s: float = 10.0) -> Self:
        """This stack's client, with what the service wants of one (access.py); `timeout_s` in seconds."""
        url = access.url(settings, cls.service)
        if cls.port_setting:
            url = f"{access.scheme(cls.service)}://{LOOPBACK}:{getattr(settings, cls.port_setting)}"
        return cls(url, timeout_s, **access.options(settings, cls.service))

    def __init__(self, url: str, timeout_s: float = 10.0, **options: Any) -> None:
        self.url = url.rstrip("/")
        # For what has no method here, too.
        self.http = web.client(**{"base_url": self.url, "timeout": timeout_s, **options})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    @property
    def _ready(self) -> str:
        return self.ready_path or SPECS[self.service].health

    def ready(self) -> bool:
        """Whether the store says that it is ready; False when nothing answers."""
        try:
            return self.http.get(self._ready).is_success
        except httpx.HTTPError:
            return False

    def reachable(self) -> bool:
        """Whether anything answers HTTP at the store's address, ready or not."""
        try:
            self.http.get(self._ready)
        except httpx.HTTPError:
            return False
        return True

    def get(
        self, path: str, params: Mapping[str, str | float] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The store's answer at a path. Raises StoreError if it doesn't answer, or refuses."""
        return self._request("GET", path, params=params, headers=headers)

    def get_or_none(self, path: str) -> httpx.Response | None:
        """As `get`, but None for what the store doesn't know."""
        try:
            return self.get(path)
        except StoreError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def post(self, path: str, content: bytes | None = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send this body to a path. Raises StoreError as `get` does."""
        return self._request("POST", path, content=content, headers=headers)

    def delete(self, path: str) -> httpx.Response:
        """Delete what is at a path. Raises StoreError as `get` does."""
        return self._request("DELETE", path)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self.http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise StoreError(f"{self.url}{path}", str(error) or type(error).__name__) from error
        if not response.is_success:
            line = next(iter(response.text.strip().splitlines()), "empty answer")
            raise StoreError(str(response.url), f"HTTP {response.status_code}: {line[:300]}", response.status_code)
        return response


class Reader(Store):
    """A store to which the gateway sends a signal."""

    by_service: ClassVar[dict[str, type["Reader"]]] = {}
    """Each that names its service, by that name."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "service" in cls.__dict__:
            Reader.by_service[cls.service] = cls

    @abstractmethod
    def count(self, question: str) -> int:
        """How many items answer this question, in the store's own language. Raises StoreError."""


class TraceStore(Reader):
    """A store of traces. Its questions are trace ids."""

    @abstractmethod
    def trace_path(self, trace_id: str) -> str:
        """The path at which it answers with a trace."""

    @abstractmethod
    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, earliest first; empty when the store doesn't know it (yet)."""

    def count(self, question: str) -> int:
        return len(self.trace(question))
