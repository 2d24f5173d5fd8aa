"""References to the data sources that grafana/provisioning/datasources/ sets up."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import DataSourceRef

from . import uids

TYPES: Final = {
    uids.PROMETHEUS: "prometheus",
    uids.LOKI: "loki",
    uids.TEMPO: "tempo",
    uids.JAEGER: "jaeger",
    uids.POSTGRES: "grafana-postgresql-datasource",
    uids.MIXED: "datasource",
}
"""uid -> Grafana's name of the plugin."""


def ref(uid: str) -> DataSourceRef:
    """How a panel or a query names its data source."""
    return DataSourceRef(type_val=TYPES[uid], uid=uid)


def as_json(uid: str) -> dict[str, str]:
    """The same, where the SDK has no type for it."""
    return {"type": TYPES[uid], "uid": uid}
