"""The agent's resources: the shop's tools (one of them fails now and then) and the shop's documents."""

import logging
import random
import time
from collections.abc import Sequence

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, tool

log = logging.getLogger("bike_shop.tools")

ORDERS = {"1042": "packed", "1043": "with the carrier", "1044": "waiting for a part"}
STOCK = {"chain": 14, "saddle": 3, "helmet": 0}

DOCUMENTS = [
    Document("Unused goods can be sent back within 30 days.", metadata={"source": "returns.md"}),
    Document("Delivery takes two to four working days.", metadata={"source": "delivery.md"}),
    Document("Frames have a guarantee of five years, parts of two.", metadata={"source": "guarantee.md"}),
    Document("The workshop is open from Tuesday to Saturday.", metadata={"source": "workshop.md"}),
]
SUBJECTS = {
    "returns.md": ("back", "return", "refund"),
    "delivery.md": ("deliver", "delivery", "cost", "order", "arrive"),
    "guarantee.md": ("guarantee", "frame", "broken"),
    "workshop.md": ("workshop", "open", "repair"),
}


class CarrierTimeoutError(TimeoutError):
    """The carrier's price service didn't answer."""


class ShopDocuments(BaseRetriever):
    """The documents whose subject shares most words with the question, best first."""

    k: int = 2

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        time.sleep(0.02)
        words = set(query.lower().replace("?", "").replace(",", "").split())
        scored = [(len(words.intersection(SUBJECTS[doc.metadata["source"]])), doc) for doc in DOCUMENTS]
        best = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])
        return [doc for _, doc in best[: self.k]]


def make_tools(rng: random.Random, failure_rate: float) -> Sequence[BaseTool]:
    """The shop's tools; `rng` decides when the carrier fails, about `failure_rate` (0 to 1) of the calls."""

    @tool
    def order_status(order_id: str) -> str:
        """Say where an order is."""
        time.sleep(0.03)
        log.info("order %s looked up", order_id)
        return ORDERS.get(order_id, "unknown")

    @tool
    def check_stock(item: str) -> str:
        """Say how many of an item are on the shelf."""
        time.sleep(0.02)
        return str(STOCK.get(item, 0))

    @tool
    def delivery_price(city: str) -> str:
        """Ask the carrier what delivery to a city costs, in EUR."""
        time.sleep(0.05)
        if rng.random() < failure_rate:
            log.warning("the carrier did not answer")
            raise CarrierTimeoutError("no answer from the carrier within 50 ms")
        return f"{4 + len(city) % 5}.90"

    return [order_status, check_stock, delivery_price]
