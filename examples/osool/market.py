"""Properties and the liquidity market: what the database knows, and what its trades add up to."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from sqlalchemy import Engine, func, select, update

from .cache import Cache
from .database import CHATS, POOL_ROWS, POOLS, PROPERTIES, RESERVATIONS, TRADES

Side = Literal["buy", "sell"]
POOL_ID = "osool.liquidity.pool.id"
SLIPPAGE_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)


class DryPoolError(Exception):
    """The pool holds less than a trader wants to withdraw."""


@dataclass(frozen=True)
class Trade:
    """`slippage`: how much worse than the price before it, as a share."""

    pool_id: str
    amount_egp: int
    slippage: float


class Properties:
    """Searches, through the cache, and prices."""

    def __init__(self, engine: Engine, cache: Cache) -> None:
        self._engine, self._cache = engine, cache

    def search(self, area: str, bedrooms: int, below_egp: int) -> list[dict[str, Any]]:
        """At most five, the cheapest first."""
        key = f"search:{area}:{bedrooms}:{below_egp}"
        known: list[dict[str, Any]] | None = self._cache.get(key)
        if known is not None:
            return known
        columns = PROPERTIES.c
        query = (
            select(PROPERTIES)
            .where(columns.area == area, columns.bedrooms == bedrooms, columns.price_egp <= below_egp)
            .order_by(columns.price_egp)
            .limit(5)
        )
        with self._engine.connect() as connection:
            found = [dict(row) for row in connection.execute(query).mappings()]
        self._cache.put(key, found)
        return found

    def price_of(self, property_id: int) -> int | None:
        query = select(PROPERTIES.c.price_egp).where(PROPERTIES.c.id == property_id)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def value(self, area: str, bedrooms: int) -> int | None:
        """The mean price of such homes, in EGP."""
        columns = PROPERTIES.c
        query = select(func.avg(columns.price_egp)).where(columns.area == area, columns.bedrooms == bedrooms)
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar_one()
        return None if found is None else round(found)

    def chatted(self, session: str) -> None:
        """Remember that this session asked something."""
        with self._engine.begin() as connection:
            connection.execute(CHATS.insert().values(session=session, questions=1))

    def reserved(self, property_id: int, status: str, token: str | None = None) -> None:
        with self._engine.begin() as connection:
            connection.execute(RESERVATIONS.insert().values(property_id=property_id, status=status, token=token))


class Market:
    """Pools of EGP against shares in a building. Telemetry knows a pool's id; its title stays in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self._reserves = {pool_id: egp for pool_id, (_, egp) in POOLS.items()}
        meter = metrics.get_meter("osool")
        meter.create_observable_gauge("osool.liquidity.pool.reserve", [self._observe], "{EGP}", "What a pool holds.")
        self._volume = meter.create_counter("osool.liquidity.trade.volume", "{EGP}", "Volume of the trades.")
        self._loss = meter.create_counter(
            "osool.liquidity.trade.loss", "{EGP}", "What slippage cost: each trade's volume times its slippage."
        )
        self._slippage = meter.create_histogram(
            "osool.liquidity.trade.slippage",
            "1",
            "Slippage of a trade as a share of it, once for each.",
            explicit_bucket_boundaries_advisory=SLIPPAGE_BOUNDS,
        )

    def pools(self) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(POOL_ROWS).order_by(POOL_ROWS.c.id)).mappings()]

    def trade(self, pool_id: str, side: Side, amount_egp: int) -> Trade:
        """Buy or sell shares for so many EGP. Raises DryPoolError."""
        slippage = slippage_of(pool_id, amount_egp)
        change = amount_egp if side == "buy" else -amount_egp
        with self._engine.begin() as connection:
            left = connection.execute(
                update(POOL_ROWS)
                .where(POOL_ROWS.c.id == pool_id, POOL_ROWS.c.reserve_egp + change >= 0)
                .values(reserve_egp=POOL_ROWS.c.reserve_egp + change)
                .returning(POOL_ROWS.c.reserve_egp)
            ).scalar_one_or_none()
            if left is None:
                raise DryPoolError(pool_id)
            connection.execute(TRADES.insert().values(pool_id=pool_id, side=side, amount_egp=amount_egp))
        labels = {POOL_ID: pool_id}
        self._volume.add(amount_egp, labels)
        self._loss.add(amount_egp * slippage, labels)
        self._slippage.record(slippage, labels)
        with self._lock:
            self._reserves[pool_id] += change
        return Trade(pool_id, amount_egp, slippage)

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [Observation(egp, {POOL_ID: pool_id}) for pool_id, egp in self._reserves.items()]


def slippage_of(pool_id: str, amount_egp: int) -> float:
    """Of a constant product: what is taken out, by what is then there.

    Market makers bring the pool back to its first depth after each trade, so that one doesn't depend on those before.
    """
    depth = POOLS[pool_id][1]
    return amount_egp / (depth + amount_egp)
