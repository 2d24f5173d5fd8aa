"""The websocket: each binary message is a spoken command; a JSON message and audio come back.

    ws://…/ws?shop=shop-07&session=…
    ▸ audio (WAV)
    ◂ {"status": "success" | "failed", "text": what the assistant says, "trace_id": …}, then audio where there is text
    ▸ {"rating": "up" | "down", "trace_id": …}

A user who leaves closes with 1000 or 1001; a connection that ends without a code broke off.
"""

import asyncio
import json
import logging
import time
from typing import Any

import otelgate
from fastapi import WebSocket, WebSocketDisconnect

from examples.common.faults import Faults

from . import telemetry
from .agents import AGENT, Assistant
from .speech import Speech, SpeechNotRecognizedError

log = logging.getLogger("execora.voice")

IDLE_S = 120.0
"""The longest silence of a connection."""
NORMAL = ("normal", "going_away")
_REASONS = {1000: "normal", 1001: "going_away", 1012: "going_away", 1011: "error"}
_POLICY, _FAILED, _LATER = 1008, 1011, 1013


def reason_of(code: int) -> str:
    """`reason` of `execora.websocket.closed`. The server's 1012 announces a shutdown, which is not a failure."""
    return _REASONS.get(code, "abnormal")


class Voice:
    """All open connections."""

    def __init__(self, assistant: Assistant, speech: Speech, faults: Faults, idle_s: float = IDLE_S) -> None:
        self._assistant, self._speech, self._faults, self._idle_s = assistant, speech, faults, idle_s

    async def serve(self, socket: WebSocket, shop: str, session: str) -> None:
        """One connection, from the handshake to its end."""
        if self._faults("down"):
            await socket.close(_LATER)
            return
        await socket.accept()
        telemetry.SOCKETS_OPEN.add(1)
        reason = "error"
        try:
            with otelgate.session(session, user_id=shop, feature="voice"):
                reason = await self._talk(socket, shop)
                if reason not in NORMAL:
                    telemetry.count_error("WebSocketClosed")
                    log.error("WebSocket closed: %s", reason)
        finally:
            telemetry.SOCKETS_OPEN.add(-1)
            telemetry.SOCKETS_CLOSED.add(1, {"reason": reason})

    async def _talk(self, socket: WebSocket, shop: str) -> str:
        """Until it ends; returns why."""
        try:
            while True:
                try:
                    message = await asyncio.wait_for(socket.receive(), self._idle_s)
                except TimeoutError:
                    await socket.close(_POLICY)
                    return "timeout"
                if message["type"] == "websocket.disconnect":
                    return reason_of(message["code"])
                if audio := message.get("bytes"):
                    await self._command(socket, shop, audio)
                else:
                    _vote(json.loads(message["text"]))
        except WebSocketDisconnect as error:  # while it was being answered
            return reason_of(error.code)
        except Exception as error:
            telemetry.count_error(error)
            log.exception("the websocket's conversation failed")
            await socket.close(_FAILED)
            return "error"

    async def _command(self, socket: WebSocket, shop: str, audio: bytes) -> None:
        began, reply, spoken = time.monotonic(), {"status": "failed"}, None
        try:
            async with otelgate.agent(AGENT):
                reply["trace_id"] = otelgate.current_trace_id() or ""
                try:
                    text = await self._speech.hear(audio)
                    answer = await self._assistant.answer(shop, text)
                    spoken = await self._speech.say(answer.text)
                    reply |= {"status": "success" if answer.done else "failed", "text": answer.text}
                finally:
                    otelgate.event("voice.command", status=reply["status"])
                    seconds = round(time.monotonic() - began, 3)
                    log.info("voice command: %s", reply["status"], extra={"turn.seconds": seconds})
        except SpeechNotRecognizedError as error:
            telemetry.count_error(error)
            log.warning("a voice command was not understood")
        except Exception as error:
            telemetry.count_error(error)
            log.exception("a voice command failed")
        await socket.send_text(json.dumps(reply))
        if spoken:
            await socket.send_bytes(spoken)


def _vote(message: dict[str, Any]) -> None:
    otelgate.feedback(message["rating"], trace_id=message["trace_id"])
