"""The stores that the tests of dashboards query."""

from dataclasses import dataclass

from otelgate_grafana.ask import Stores, Window


@dataclass(frozen=True)
class Filled:
    """Stores with data up to the end of `window`; `owner` may read content, `stores.database` is Grafana's own role."""

    stores: Stores
    owner: str
    window: Window
