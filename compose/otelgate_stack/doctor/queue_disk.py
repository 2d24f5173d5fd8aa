"""The disk of the gateway's queues: whether it has room, and whether each file was sound."""

from pathlib import Path

from .. import state
from ..clients import GatewayMetrics, StoreError
from ..settings import Settings

LARGEST_SHARE = 10  # of a small disk the reserve takes a tenth at most: collector/disk


def problems(settings: Settings) -> list[tuple[str, str]]:
    """Problems, each with its fix. The gateway is asked; if it doesn't answer, the folder is inspected."""
    found = []
    told = _measured(settings)
    free, reserve = _space(settings, told)
    if free < reserve:
        detail = (
            f"OTELGATE_DATA_DIR='{settings.data_dir}': {free:,} bytes are free on its disk, less than the reserve of"
            f" {reserve:,} bytes (OTELGATE_QUEUE_RESERVE_BYTES): the gateway refuses all data"
        )
        fix = "make room on that disk, or set OTELGATE_DATA_DIR to a folder on another; what waits is kept"
        found.append((detail, fix))
    if damaged := told.get("otelgate_queue_damaged", 0):
        detail = f"{damaged:g} damaged files or items of queues were set aside; what is in them was not delivered"
        found.append((detail, "see grafana/runbooks/GatewayQueueDamaged.md"))
    if damaged := told.get("otelgate_totals_damaged", 0):
        detail = f"{damaged:g} damaged files or values of totals were set aside; applications' counters began at zero"
        found.append((detail, "see grafana/runbooks/GatewayTotalsDamaged.md"))
    return found


def _measured(settings: Settings) -> dict[str, float]:
    try:
        samples = GatewayMetrics.of(settings).samples()
    except StoreError:
        return {}
    told: dict[str, float] = {}
    for sample in samples:
        name = sample.labels["__name__"].removesuffix("_bytes")
        told[name] = told.get(name, 0) + sample.value
    return told


def _space(settings: Settings, told: dict[str, float]) -> tuple[int, int]:
    """Free and reserve, bytes."""
    if "otelgate_queue_disk_free" in told:
        return int(told["otelgate_queue_disk_free"]), int(told["otelgate_queue_disk_reserve"])
    (disk,) = state.disks({"queues": Path(settings.data_dir)})
    return disk.free, min(settings.queue_reserve_bytes, disk.total // LARGEST_SHARE)
