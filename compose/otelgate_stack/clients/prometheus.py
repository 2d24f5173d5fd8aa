"""Reads Prometheus: queries and exemplars."""

from collections.abc import Mapping

from .samples import Sample
from .store import Reader, StoreError


class Prometheus(Reader):
    """Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

    service = "prometheus"

    def query(self, promql: str, time_s: float | None = None) -> list[Sample]:
        """An instant query's vector (or scalar) at `time_s`, Unix seconds; now when left out."""
        params: dict[str, str | int] = {"query": promql}
        if time_s is not None:
            params["time"] = f"{time_s:.3f}"
        data = self.get("/api/v1/query", params).json()["data"]
        if data["resultType"] == "scalar":
            return [_sample({}, data["result"])]
        if data["resultType"] != "vector":
            raise StoreError(self.url, f"query {promql!r} gives a {data['resultType']}, expected a vector or a scalar")
        return [_sample(item["metric"], item["value"]) for item in data["result"]]

    def count(self, question: str) -> int:
        """The number of series that a PromQL query gives."""
        return len(self.query(question))

    def value(self, promql: str) -> float | None:
        """The one value that `promql` gives; None when it gives none.

        Raises StoreError when it gives several: aggregate them in the query.
        """
        samples = self.query(promql)
        if len(samples) > 1:
            raise StoreError(self.url, f"query {promql!r} gives {len(samples)} series, expected one")
        return samples[0].value if samples else None

    def exemplars(self, promql: str, start_s: float, end_s: float) -> list[Sample]:
        """The exemplars of the series in `promql` between two Unix times in seconds; labels hold `trace_id`."""
        params: dict[str, str | int] = {"query": promql, "start": f"{start_s:.3f}", "end": f"{end_s:.3f}"}
        series = self.get("/api/v1/query_exemplars", params).json()["data"]
        return [
            Sample(item["labels"], float(item["value"]), float(item["timestamp"]))
            for one in series
            for item in one["exemplars"]
        ]


def _sample(labels: Mapping[str, str], pair: tuple[float, str]) -> Sample:
    return Sample(labels, float(pair[1]), float(pair[0]))
