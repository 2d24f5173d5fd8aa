"""The handbook, in Qdrant: documents are found by their vectors, and each search is scored."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import otelgate
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from opentelemetry import trace
from pydantic import ConfigDict
from qdrant_client import QdrantClient, models

from examples.common.fake_models import FakeEmbeddings
from examples.common.faults import Faults
from examples.common.traffic import Stage

EMBEDDING_MODEL, EMBEDDING_PROVIDER = "bge-m3", "llama.cpp"
RELEVANCE = "retrieval.relevance"
COLLECTION = "handbook"
TOP = 3

HANDBOOK = {
    "How do I approve a purchase order?": "Orders up to 5,000 EUR are approved by the team, dearer ones by finance.",
    "What is the rule for a new supplier?": "A new supplier needs two references and a signed code of conduct.",
    "May I give a customer a discount?": "Five per cent without asking, up to twelve with the head of sales.",
    "How do I write down a new customer?": "Search first, then create the account with its tax number.",
    "How do I set up the VPN on a laptop?": "Install the client from the portal, sign in, choose the nearest gateway.",
    "How do I reset a password?": "The portal sends a link to your telephone; it is good for ten minutes.",
    "How do I claim travel expenses?": "Send the receipts within thirty days; they are paid with the next salary.",
    "What is the rule for leave in summer?": "Ask before the end of March; two weeks in a row are always granted.",
}


class Handbook(BaseRetriever):
    """The documents nearest to a question, best first; `score` in their metadata is the cosine similarity."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    faults: Faults
    speed: float
    embeddings: FakeEmbeddings
    client: QdrantClient

    @classmethod
    def made(cls, stage: Stage) -> "Handbook":
        """A collection in memory, filled. The index is another job's work, so its embeddings leave no telemetry."""
        embeddings = FakeEmbeddings(
            EMBEDDING_MODEL, EMBEDDING_PROVIDER, duration_s=0.03, speed=stage.speed, faults=stage.faults
        )
        client = QdrantClient(":memory:")
        size = models.VectorParams(size=embeddings.size, distance=models.Distance.COSINE)
        client.create_collection(COLLECTION, vectors_config=size)
        vectors = vectors_of(list(HANDBOOK))
        points = [
            models.PointStruct(id=number, vector=vector, payload={"title": title, "text": HANDBOOK[title]})
            for number, (title, vector) in enumerate(zip(HANDBOOK, vectors, strict=True))
        ]
        client.upsert(COLLECTION, points)
        return cls(faults=stage.faults, speed=stage.speed, embeddings=embeddings, client=client, name="handbook")

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        vector = self.embeddings.embed_query(query)
        time.sleep((0.41 if self.faults("slow_search") else 0.01) / self.speed)
        found = self.client.query_points(COLLECTION, query=vector, limit=TOP).points
        return [_document(point) for point in found]

    async def look_up(self, question: str) -> tuple[str, float]:
        """The best document's words, and how relevant it is, 0 to 1: under a half, an answer may well be invented."""
        documents = await self.ainvoke(question)
        relevance = max(0.0, min(1.0, documents[0].metadata["score"]))
        otelgate.score(RELEVANCE, relevance, label="relevant" if relevance >= 0.7 else "doubtful")
        return documents[0].page_content, relevance


def _document(point: Any) -> Document:
    payload = point.payload or {}
    return Document(payload["text"], id=str(point.id), metadata={"title": payload["title"], "score": point.score})


def vectors_of(texts: list[str]) -> list[list[float]]:
    """Without a span."""
    with _untraced():
        return FakeEmbeddings(EMBEDDING_MODEL, EMBEDDING_PROVIDER, duration_s=0).embed_documents(texts)


@contextmanager
def _untraced() -> Iterator[None]:
    """Spans inside are not sampled, as children of a span that was not."""
    unsampled = trace.SpanContext(1, 1, is_remote=False, trace_flags=trace.TraceFlags(trace.TraceFlags.DEFAULT))
    with trace.use_span(trace.NonRecordingSpan(unsampled)):
        yield
