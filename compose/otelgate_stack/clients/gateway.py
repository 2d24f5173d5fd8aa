"""Reads the gateway's own metrics."""

from .samples import Sample, parse_text
from .store import Store


class GatewayMetrics(Store):
    """The gateway's own metrics, as Prometheus text at `/metrics`."""

    service = "gateway"
    port_setting = "metrics_port"
    ready_path = "/metrics"

    def samples(self) -> list[Sample]:
        """All samples of one scrape."""
        return list(parse_text(self.get("/metrics").text))
