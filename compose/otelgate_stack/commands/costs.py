"""`otelgate costs spent`: the cost of model calls by service and model, from the running stack's Prometheus."""

import dataclasses
import json
import re

from ..clients.prometheus import Prometheus
from ..clients.store import StoreError
from ..errors import CheckError, StackError
from ..report import Report
from ..settings import Settings

_SERVICE, _MODEL = "service_name", "gen_ai_request_model"
_APPLICATIONS = 'service_name!~"otelgate-.*"'  # without the doctor's canary
_RANGE = re.compile(r"[1-9][0-9]{0,4}[mhdw]")


@dataclasses.dataclass(frozen=True)
class Spent:
    """US dollars in the range, as Prometheus extrapolates the increase of the gateway's counter."""

    service: str
    model: str
    usd: float


def spent(settings: Settings, report: Report, *, since: str, as_json: bool) -> None:
    """Print it, the highest cost first. Raises CheckError for a bad range, StackError without a Prometheus."""
    if not _RANGE.fullmatch(since):
        raise CheckError(f"--since={since!r}: expected a number and m, h, d or w, such as 24h")
    try:
        with Prometheus.of(settings) as prometheus:
            rows = read(prometheus, since)
    except StoreError as error:
        raise StackError(f"costs come from the running stack's Prometheus, is it up? {error}") from error
    if as_json:
        report.line(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
    elif rows:
        report.table([(row.service, row.model, f"{row.usd:.4f}") for row in rows], ("service", "model", "USD"))
    else:
        report.line(f"no costs in the last {since}")


def read(prometheus: Prometheus, since: str) -> list[Spent]:
    """Those above 0. Raises StoreError."""
    samples = prometheus.query(
        f"sum by ({_SERVICE}, {_MODEL}) (increase(otelgate_llm_cost_total{{{_APPLICATIONS}}}[{since}])) > 0"
    )
    rows = [Spent(sample.labels.get(_SERVICE, ""), sample.labels.get(_MODEL, ""), sample.value) for sample in samples]
    return sorted(rows, key=lambda row: (-row.usd, row.service, row.model))
