"""Where alerts arrive in tests: one HTTP server for Slack, PagerDuty and webhooks, and a mail server."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Message:
    """A message to `path`, at a time in Unix seconds; of a mail, `body` is the text, `kinds` the types of its parts."""

    path: str
    body: Any
    at: float
    subject: str = ""
    kinds: tuple[str, ...] = ()


@dataclass
class Inbox:
    """Everything that arrived. `url` is the HTTP server's; `mail` is host:port of the other one."""

    url: str = ""
    mail: str = ""
    password: str = "pass word"
    messages: list[Message] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def put(self, message: Message) -> None:
        with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    def to(self, path: str) -> list[Message]:
        with self._arrived:
            return [message for message in self.messages if message.path == path]

    def wait(self, path: str, wanted: Callable[[Message], bool], deadline_s: float = 90) -> Message:
        """The first message to `path` that is wanted. Raises AssertionError that shows what came instead."""
        end = time.monotonic() + deadline_s
        with self._arrived:
            while True:
                for message in self.messages:
                    if message.path == path and wanted(message):
                        return message
                came = "\n".join(f"{message.path} {str(message.body)[:300]}" for message in self.messages)
                assert self._arrived.wait(end - time.monotonic()), f"not at {path}; what came:\n{came}"


@contextmanager
def inbox() -> Iterator[Inbox]:
    box = Inbox()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(box))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    box.url = f"http://127.0.0.1:{server.server_port}"
    mail = Controller(
        _Mailbox(box),
        hostname="127.0.0.1",
        port=_free_port(),
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN"],  # whose prompts here are not those that Alertmanager knows
        authenticator=lambda server, session, envelope, mechanism, login: AuthResult(
            success=isinstance(login, LoginPassword) and login == LoginPassword(b"watcher", box.password.encode())
        ),
    )
    mail.start()
    box.mail = f"127.0.0.1:{mail.port}"
    try:
        yield box
    finally:
        mail.stop()
        server.shutdown()
        server.server_close()
        thread.join()


def _free_port() -> int:
    """The mail server's library takes no 0."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _handler(box: Inbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            box.put(Message(self.path, body, time.time()))
            answer = b"ok"  # what Slack says; PagerDuty's answer is not read
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


class _Mailbox:
    def __init__(self, box: Inbox) -> None:
        self._box = box

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        part = mail.get_body(("plain",))
        assert part is not None
        text = part.get_content().replace("\r\n", "\n")
        kinds = tuple(part.get_content_type() for part in mail.walk())
        self._box.put(Message(",".join(envelope.rcpt_tos), text, time.time(), str(mail["Subject"]), kinds))
        return "250 OK"
