"""A shop's books: customers, invoices, payments. Each operation is a product event and a log line."""

import logging
from typing import Any, Literal

import otelgate
from sqlalchemy import Engine, func, select

from examples.common.traffic import Stage

from . import telemetry
from .database import CUSTOMERS, INVOICES, PAYMENTS
from .tasks import Tasks

log = logging.getLogger("execora.books")

UPI_LIMIT_INR = 100_000
"""The maximum of one payment by UPI."""
Method = Literal["UPI", "cash"]


class BooksError(Exception):
    """The books do not allow it."""


class UnknownCustomerError(BooksError):
    """The shop has no customer of that name."""


class PaymentDeclinedError(BooksError):
    """The bank says no."""


class Books:
    """Of all shops; every method is about one."""

    def __init__(self, engine: Engine, tasks: Tasks, stage: Stage) -> None:
        self._engine, self._tasks, self._stage = engine, tasks, stage

    def find_customer(self, shop: str, name: str) -> int:
        """The customer's number. Raises UnknownCustomerError."""
        otelgate.event("customer", operation="search")
        return self._customer(shop, name)

    def add_customer(self, shop: str, name: str) -> int:
        with self._engine.begin() as connection:
            number = connection.execute(
                CUSTOMERS.insert().values(shop=shop, name=name).returning(CUSTOMERS.c.id)
            ).scalar_one()
        otelgate.event("customer", operation="create")
        log.info("Customer %d created", number)
        return int(number)

    def update_customer(self, shop: str, name: str, phone: str) -> int:
        number = self._customer(shop, name)
        with self._engine.begin() as connection:
            connection.execute(CUSTOMERS.update().where(CUSTOMERS.c.id == number).values(phone=phone))
        otelgate.event("customer", operation="update")
        log.info("Customer %d updated", number)
        return number

    def create_invoice(self, shop: str, name: str, amount_inr: int) -> int:
        customer = self._customer(shop, name)
        row = {"customer_id": customer, "amount_inr": amount_inr, "status": "open"}
        with self._engine.begin() as connection:
            number = connection.execute(INVOICES.insert().values(row).returning(INVOICES.c.id)).scalar_one()
        self._noted("create", "created", int(number), amount_inr)
        return int(number)

    def update_invoice(self, shop: str, name: str, amount_inr: int) -> int:
        number, _ = self._last_invoice(shop, name)
        self._set(number, amount_inr=amount_inr)
        self._noted("update", "updated", number, amount_inr)
        return number

    def cancel_invoice(self, shop: str, name: str) -> int:
        number, amount = self._last_invoice(shop, name)
        self._set(number, status="cancelled")
        self._noted("cancel", "cancelled", number, amount)
        return number

    def send_invoice(self, shop: str, name: str) -> int:
        """It goes out when its turn comes."""
        number, amount = self._last_invoice(shop, name)
        self._tasks.add(lambda: self._set(number, status="sent"))
        self._noted("send", "sent", number, amount)
        return number

    def pay(self, shop: str, name: str, amount_inr: int, method: Method) -> int:
        """The payment's number. Raises PaymentDeclinedError."""
        customer = self._customer(shop, name)
        refused = method == "UPI" and amount_inr > UPI_LIMIT_INR
        with self._engine.begin() as connection:
            row = {"customer_id": customer, "amount_inr": amount_inr, "status": "failed" if refused else "completed"}
            number = connection.execute(PAYMENTS.insert().values(row).returning(PAYMENTS.c.id)).scalar_one()
            if not refused and self._stage.faults("payments_fail") and number % 2:
                refused = True
                connection.execute(PAYMENTS.update().where(PAYMENTS.c.id == number).values(status="failed"))
        if refused:
            otelgate.event("payment", status="failed")
            log.warning("Payment %d failed", number, extra={"amount_inr": amount_inr})
            raise PaymentDeclinedError("the bank declined it")
        otelgate.event("payment", value=amount_inr, unit="{INR}", status="completed")
        telemetry.PAYMENT_AMOUNT.record(amount_inr)
        log.info("Payment %d received", number, extra={"amount_inr": amount_inr})
        self._tasks.add(lambda: log.info("Receipt for payment %d sent", number))
        return int(number)

    def invoices(self, shop: str) -> list[dict[str, Any]]:
        """The latest ten."""
        query = (
            select(INVOICES.c.id, CUSTOMERS.c.name, INVOICES.c.amount_inr, INVOICES.c.status)
            .join(CUSTOMERS)
            .where(CUSTOMERS.c.shop == shop)
            .order_by(INVOICES.c.id.desc())
            .limit(10)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def summary(self, shop: str) -> dict[str, int]:
        """The amount paid, and the number of customers."""
        paid = select(func.coalesce(func.sum(PAYMENTS.c.amount_inr), 0)).join(CUSTOMERS)
        paid = paid.where(CUSTOMERS.c.shop == shop, PAYMENTS.c.status == "completed")
        people = select(func.count()).select_from(CUSTOMERS).where(CUSTOMERS.c.shop == shop)
        with self._engine.connect() as connection:
            return {
                "paid_inr": int(connection.execute(paid).scalar_one()),
                "customers": int(connection.execute(people).scalar_one()),
            }

    def _customer(self, shop: str, name: str) -> int:
        query = select(CUSTOMERS.c.id).where(CUSTOMERS.c.shop == shop, CUSTOMERS.c.name == name).limit(1)
        with self._engine.connect() as connection:
            number = connection.execute(query).scalar()
        if number is None:
            raise UnknownCustomerError("no such customer")
        return int(number)

    def _last_invoice(self, shop: str, name: str) -> tuple[int, int]:
        """Its number and amount."""
        query = select(INVOICES.c.id, INVOICES.c.amount_inr).where(INVOICES.c.customer_id == self._customer(shop, name))
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(INVOICES.c.id.desc()).limit(1)).first()
        if row is None:
            raise BooksError("no invoice yet")
        return int(row[0]), int(row[1])

    def _set(self, number: int, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(INVOICES.update().where(INVOICES.c.id == number).values(**values))

    def _noted(self, operation: str, done: str, number: int, amount_inr: int) -> None:
        otelgate.event("invoice", operation=operation)
        log.info("Invoice %d %s", number, done, extra={"amount_inr": amount_inr})
