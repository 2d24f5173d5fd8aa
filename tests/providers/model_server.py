"""A model provider on this machine, with the APIs of OpenAI, Anthropic and Google as far as their packages need them.

Its own list of calls is the truth that telemetry is held against. Every call uses different numbers of tokens, so that
no two are alike by chance. A request that brings tools, and no result of one, is answered by a call of the first.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dialects
from dialects import Answer, Usage

# USD for a million tokens: input, read from the cache, written for 5 minutes, written for an hour, output.
PRICES = {
    "gpt-4.1-mini": (0.40, 0.10, 0.0, 0.0, 1.60),
    "claude-haiku-5-5": (0.10, 0.01, 0.125, 0.20, 0.50),
    "gemini-2.5-flash": (0.30, 0.03, 0.0, 0.0, 2.50),
}


@dataclass(frozen=True)
class Call:
    """One answered request."""

    model: str
    api: str
    streamed: bool
    agent: str
    """The calling agent, which langchain_app.py names in its prompt; empty if there is none."""
    usage: Usage

    @property
    def cost_usd(self) -> float:
        fresh, read, write, write_1h, output = PRICES[self.model]
        u = self.usage
        dollars = u.fresh * fresh + u.read * read + u.write * write + u.write_1h * write_1h + u.output * output
        return dollars / 1e6


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients leave their connections as they end."""


class ModelServer:
    """Listens on a free port of 127.0.0.1 until `stop`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._numbers = itertools.count(1)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = server._answer(self.path, body)
                if found is None:
                    self._send(404, "application/json", [b"{}"])
                else:
                    self._send(200, *found)

            def _send(self, status: int, content_type: str, chunks: Iterator[bytes] | list[bytes]) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for chunk in itertools.chain(chunks, [b""]):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = _Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, path: str, body: dict[str, Any]) -> tuple[str, Iterator[bytes] | list[bytes]] | None:
        """The content type and the body, whole or in pieces."""
        asked = dialects.read(path, body)
        if asked is None:
            return None
        number = next(self._numbers)
        cached = number % 2 == 0
        usage = Usage(
            fresh=100 + number,
            read=40 + number if cached else 0,
            write=20 + number if cached and asked.caches_writes else 0,
            write_1h=10 + number if cached and asked.caches_writes and number % 4 == 0 else 0,
            output=10 + number,
            reasoning=3 if asked.reasons and cached else 0,
        )
        text = json.dumps(body)
        agent = "forecaster" if "weather in Rome" in text else "planner" if "Plan a day" in text else ""
        self.calls.append(Call(asked.model, asked.api, asked.streamed, agent, usage))
        answer = Answer(number, asked.model, asked.tool, usage)
        if asked.streamed:
            return "text/event-stream", asked.stream(answer)
        return "application/json", [json.dumps(asked.whole(answer)).encode()]
