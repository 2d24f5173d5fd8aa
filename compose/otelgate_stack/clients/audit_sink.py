"""Reads the audit sink's health."""

import httpx

from .store import Store, StoreError


class AuditSink(Store):
    """The audit sink's health; what it stored is in PostgreSQL (audit_store.py)."""

    service = "audit"
    port_setting = "audit_health_port"

    def problem(self) -> str:
        """Why it can't commit now; empty when it can. Raises StoreError when nothing answers."""
        try:
            status = self.http.get(self._ready).json()["status"]
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            raise StoreError(f"{self.url}{self._ready}", str(error) or type(error).__name__) from error
        return "" if status == "ok" else str(status)
