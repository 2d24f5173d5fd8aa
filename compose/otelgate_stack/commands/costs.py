"""`otelgate costs`: the cost of model calls as the running stack's Prometheus has it, and the prices of a model."""

import dataclasses
import json
import re
import subprocess
from datetime import UTC, datetime
from typing import Any

from ..build import builds
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


def price(settings: Settings, report: Report, model: str, *, provider: str, at: datetime) -> dict[str, Any]:
    """The entry of the gateway's price table for a model at a time, as collector/pricing/row.go describes it.

    Raises StackError if the table can't be read.
    """
    program = builds.build(["price"], settings, report)["price"]
    override = [f"-override={settings.prices_file}"] if settings.prices_file else []
    call = json.dumps({"Provider": provider, "Model": model, "At": at.astimezone(UTC).isoformat()})
    done = subprocess.run([program, "-rows", *override], input=call, capture_output=True, text=True)
    if done.returncode:
        raise StackError(f"the prices can't be read: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def show_price(found: dict[str, Any], model: str, report: Report) -> None:
    """For people."""
    if found["status"] == "free":
        report.line(f"{model}: its provider costs nothing ({found['version']})")
    elif found["status"] == "unpriced":
        report.line(f"{model}: no price ({found['version']}); OTELGATE_PRICES_FILE can give one")
    else:
        date = f" of {found['date']}" if found["date"] else ""
        report.line(f"{found['model']} of {found['provider']}, from {found['file']}{date} ({found['version']})")
        report.line(f"matches a name that {found['match']}", "dim")
        rows = [
            (
                each["unit"],
                f"{each['usd']:g} per {each['per']:,.0f}",
                f"{each['above_input_tokens']:,.0f}" if each["above_input_tokens"] else "",
                each["service_tier"],
                each["since"],
            )
            for each in found["prices"]
        ]
        report.table(rows, ("unit", "USD", "above input tokens", "service tier", "since"))
