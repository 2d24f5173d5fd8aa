"""A server of a test in the place of a store, which speaks TLS with the stores' certificate as they do."""

import ssl
from http.server import HTTPServer

from otelgate_stack import access
from otelgate_stack.settings import Settings


def speak_tls(server: HTTPServer, settings: Settings) -> None:
    """From now on it speaks TLS alone, with the certificate of these settings."""
    secrets, context = access.of(settings), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(secrets.certificate, secrets.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
