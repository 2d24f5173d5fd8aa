"""The bot's webhook: takes Telegram's updates as JSON and answers with the method that Telegram shall call."""

import hmac
import logging
import time
from typing import Any

import otelgate
from fastapi import FastAPI, Header, HTTPException

from examples.common.server import add_faults, add_health
from examples.common.traffic import Stage

from .accounts import LIMITS, Account, Accounts
from .agents import AGENT, Agent

log = logging.getLogger("estate_bot")

FEATURES = {"/search": "search", "/analyze": "analyze", "/compare": "compare", "/trends": "trends"}
COMMANDS = ("/start", *FEATURES, "/status", "/subscribe", "/help")
SECRET = "made-up-webhook-secret"
"""The secret that Telegram would send with each update; it protects nothing here."""


def make_app(stage: Stage) -> FastAPI:
    bot = Bot(stage)
    app = FastAPI(title="estate-bot")
    add_health(app)
    add_faults(app, stage.faults, stage.speed)

    @app.post("/telegram/webhook")
    def webhook(update: dict[str, Any], x_telegram_bot_api_secret_token: str = Header("")) -> dict[str, Any]:
        if not hmac.compare_digest(x_telegram_bot_api_secret_token, SECRET):
            raise HTTPException(403)
        if "callback_query" in update:
            return bot.vote(update["callback_query"])
        return bot.message(update["message"])

    return app


class Bot:
    """Commands, questions and thumbs."""

    def __init__(self, stage: Stage) -> None:
        self._accounts, self._agent = Accounts(), Agent(stage)

    def message(self, message: dict[str, Any]) -> dict[str, Any]:
        """A command, or a question in plain words."""
        account, new = self._accounts.of(message["from"]["id"])
        account.seen(time.time())
        chat, text = message["chat"]["id"], message["text"].strip()
        command, _, rest = text.partition(" ")
        feature = FEATURES.get(command, "" if command in COMMANDS else "chat")
        with otelgate.session(account.session_id, account.user_id, account.tier, feature=feature or None):
            if new:
                source = rest if command == "/start" and rest else "direct"
                otelgate.event("user.signup", source=source, tier=account.tier)
            if command in COMMANDS:
                otelgate.event("command.used", command=command)
            match command:
                case "/start" | "/help":
                    return _send(chat, "Ask me about property in Dubai: " + " ".join(COMMANDS))
                case "/status":
                    limit = LIMITS[account.tier]
                    return _send(chat, f"You are on {account.tier}; asked today: {account.asked} of {limit or 'any'}.")
                case "/subscribe":
                    return self._subscribe(chat, account)
                case _:
                    return self._ask(chat, account, feature, text)

    def vote(self, query: dict[str, Any]) -> dict[str, Any]:
        """A thumb below an answer; its data name the trace of that answer."""
        account, _ = self._accounts.of(query["from"]["id"])
        rating, _, trace_id = query["data"].partition(":")
        with otelgate.session(account.session_id, account.user_id, account.tier):
            otelgate.feedback(rating, trace_id=trace_id)
        return {"method": "answerCallbackQuery", "callback_query_id": query["id"], "text": "Thank you!"}

    def _subscribe(self, chat: int, account: Account) -> dict[str, Any]:
        changed = account.upgrade()
        if changed is None:
            return _send(chat, "You have the largest plan already.")
        otelgate.event("subscription.upgraded", from_tier=changed[0], to_tier=changed[1])
        log.info("a user upgraded from %s to %s", *changed)
        return _send(chat, f"Welcome to {changed[1]}!", upgraded=True)

    def _ask(self, chat: int, account: Account, feature: str, text: str) -> dict[str, Any]:
        if not account.may_ask(time.time()):
            otelgate.event("quota.hit", tier=account.tier)
            log.info("limit of tier %s reached", account.tier)
            return _send(chat, "That was your last question for today; /subscribe for more.", limited=True)
        began = time.monotonic()
        try:
            with otelgate.agent(AGENT):
                trace_id = otelgate.current_trace_id()
                answer = self._agent.answer(feature, account.tier, text)
        except Exception as error:
            log.exception("the turn failed", extra={"turn.seconds": time.monotonic() - began})
            return _send(chat, "Something went wrong; please ask me again.", failed=type(error).__name__)
        log.info("answered %s", feature, extra={"turn.seconds": time.monotonic() - began})
        thumbs = [
            {"text": "👍", "callback_data": f"up:{trace_id}"},
            {"text": "👎", "callback_data": f"down:{trace_id}"},
        ]
        return _send(chat, answer, reply_markup={"inline_keyboard": [thumbs]})


def _send(chat: int, text: str, **more: Any) -> dict[str, Any]:
    return {"method": "sendMessage", "chat_id": chat, "text": text, **more}
