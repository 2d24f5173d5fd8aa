"""Access to Prometheus and Loki, with the password and the certificates from the settings.

The stack's clients (compose/otelgate_stack/clients) stay apart: they need httpx and the stack's settings, which the
sink does not depend on, and the sink reads raw samples and signed heads, which no other program does.
"""

from __future__ import annotations

import ssl
import urllib.request
from typing import Final, NamedTuple

from ..settings import Settings, SettingsError

USER: Final = "otelgate"
"""The user of the password (compose/otelgate_stack/access.py)."""


class Store(NamedTuple):
    """A store's URL, and the opener for URLs below it."""

    url: str
    opener: urllib.request.OpenerDirector


def prometheus(settings: Settings) -> Store:
    """Sends the password, if there is one, and uses no proxy. Raises SettingsError."""
    known = urllib.request.HTTPPasswordMgrWithPriorAuth()
    if (password := settings.stores_password) is not None:
        known.add_password(None, settings.prometheus_url, USER, password, is_authenticated=True)
    handlers = (urllib.request.HTTPBasicAuthHandler(known), urllib.request.ProxyHandler({}), _https(settings))
    return Store(settings.prometheus_url, urllib.request.build_opener(*handlers))


def loki(settings: Settings) -> Store:
    """Presents the client certificate, if there is one. Raises SettingsError."""
    return Store(settings.loki_url, urllib.request.build_opener(_https(settings)))


def _https(settings: Settings) -> urllib.request.HTTPSHandler:
    """Trusts the authority of the settings in addition to those of the system."""
    context = ssl.create_default_context()
    files = {"OTELGATE_STORES_CA_FILE": settings.stores_ca_file, "OTELGATE_STORES_CERT_FILE": settings.stores_cert_file}
    try:
        if settings.stores_ca_file:
            context.load_verify_locations(settings.stores_ca_file)
        if settings.stores_cert_file:
            context.load_cert_chain(settings.stores_cert_file, settings.stores_key_file)
    except OSError as error:  # ssl's own, too
        named = ", ".join(f"{name}='{path}'" for name, path in files.items() if path)
        raise SettingsError(f"{named}: expected certificates that can be read: {error.strerror or error}") from None
    return urllib.request.HTTPSHandler(context=context)
