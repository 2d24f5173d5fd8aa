"""A cache of searches in Redis, if there is one."""

import json
from contextlib import suppress
from typing import Any

import redis
from opentelemetry.instrumentation.utils import suppress_instrumentation

KEEP_S = 60


class Cache:
    """JSON by key, for a minute. A cache that is unavailable or not configured returns no hits."""

    def __init__(self, url: str | None) -> None:
        self.redis = redis.Redis.from_url(url, socket_timeout=2.0) if url else None

    def check(self) -> None:
        """Raises redis.RedisError if the server is unavailable. Leaves no telemetry: probes are not traffic."""
        if self.redis:
            with suppress_instrumentation():
                self.redis.ping()

    def get(self, key: str) -> Any:
        try:
            found = self.redis.get(key) if self.redis else None
        except redis.RedisError:
            return None
        return None if found is None else json.loads(found)

    def put(self, key: str, value: Any) -> None:
        if self.redis:
            with suppress(redis.RedisError):
                self.redis.set(key, json.dumps(value), ex=KEEP_S)
