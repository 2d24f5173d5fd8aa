"""Paymob and the blockchain, as far as Osool sees them: one small server that answers for both, and its clients.

Starlette, not FastAPI: the server represents other people's computers, which Osool's telemetry doesn't measure.
"""

import asyncio
import zlib
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.common.traffic import Stage

from .breakers import Breakers
from .switches import is_broken

DECLINED_CARD = "4000000000000002"
GOOD_CARD = "4242424242424242"
_PAYMOB_S, _BLOCKCHAIN_S = 0.12, 0.25
TIMEOUT_S: float | None = 5.0
"""How long to wait for an answer."""


class OutsideError(ConnectionError):
    """A service outside did not do what it was asked."""


class PaymentDeclinedError(Exception):
    """The bank says no: an answer, and no failure of Paymob's."""


def make_outside(stage: Stage) -> Starlette:
    """POST /paymob/payments and /blockchain/tokens."""

    async def pay(request: Request) -> JSONResponse:
        payment = await request.json()
        if is_broken(stage.faults, "paymob"):
            return JSONResponse({"error": "unavailable"}, 503)
        await asyncio.sleep(_PAYMOB_S / stage.speed)
        number = zlib.crc32(payment["reference"].encode())
        if payment["card"] == DECLINED_CARD or (stage.faults("reservations_fail") and number % 2):
            return JSONResponse({"error": "declined"}, 402)
        return JSONResponse({"id": f"pay-{number:08x}"}, 201)

    async def tokenise(request: Request) -> JSONResponse:
        body = await request.json()
        if is_broken(stage.faults, "blockchain"):
            return JSONResponse({"error": "no peers"}, 503)
        await asyncio.sleep(_BLOCKCHAIN_S / stage.speed)
        return JSONResponse({"transaction": f"0x{zlib.crc32(body['deed'].encode()):08x}"}, 201)

    return Starlette(
        routes=[
            Route("/paymob/payments", pay, methods=["POST"]),
            Route("/blockchain/tokens", tokenise, methods=["POST"]),
        ]
    )


class Outside:
    """Calls through the breakers. Each raises CircuitBreakerError immediately while its breaker is open."""

    def __init__(self, url: str, breakers: Breakers) -> None:
        self._breakers = breakers
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)

    def pay(self, reference: str, card: str, amount_egp: int) -> str:
        """Paymob's id of the payment. Raises PaymentDeclinedError, OutsideError."""
        body = {"reference": reference, "card": card, "amount_egp": amount_egp}
        return str(self._post("paymob", "/paymob/payments", body)["id"])

    def tokenise(self, deed: str) -> str:
        """The transaction that writes it to the chain: a reservation, or a trade. Raises OutsideError."""
        return str(self._post("blockchain", "/blockchain/tokens", {"deed": deed})["transaction"])

    def close(self) -> None:
        self._http.close()

    def _post(self, name: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        # `with`, not call(): that would let one thread at a time through.
        with self._breakers[name].calling():
            try:
                response = self._http.post(path, json=body)
            except httpx.HTTPError as error:
                raise OutsideError(f"{name}: {type(error).__name__}") from error
            if response.status_code == 402:
                raise PaymentDeclinedError
            if not response.is_success:
                raise OutsideError(f"{name} answered with {response.status_code}")
            found: dict[str, Any] = response.json()
            return found
