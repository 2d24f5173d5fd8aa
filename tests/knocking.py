"""Asks a port as a stranger would, and as the stack's own programs do: `make doctor` says what it wants (doors.py)."""

import base64
import socket
import ssl
from collections.abc import Callable

import grpc
import httpx
from otelgate_stack import access, service_spec, service_table, web
from otelgate_stack.doctor.doors import Door
from otelgate_stack.settings import Settings

WAIT_S = 60
_HTTP1 = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
# RFC 9113, 3.4: the preface, and a SETTINGS frame with nothing in it.
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_SERVICES = "/jaeger.api_v3.QueryService/GetServices"


def takes(door: Door, settings: Settings) -> bool:
    """Whether it gives something to one who sends what it wants."""
    return _of(door)(door, settings, True)


def refuses(door: Door, settings: Settings) -> bool:
    """Whether it gives nothing to one who sends nothing, or something of another's."""
    return not _of(door)(door, settings, False)


def _of(door: Door) -> Callable[[Door, Settings, bool], bool]:
    if door.wants == service_spec.CERTIFICATE:
        return _by_tls
    return _by_grpc if door.setting == "OTELGATE_JAEGER_GRPC_PORT" else _by_http


def _by_http(door: Door, settings: Settings, known: bool) -> bool:
    url = f"http://{door.address}{service_table.SPECS[door.service].health}"
    sent = [access.options(settings, door.service)["auth"]] if known else [None, (access.USER, "0" * 64), ("x", "")]
    answers = [web.get(url, auth=auth, timeout=WAIT_S).status_code for auth in sent]
    if set(answers) not in ({httpx.codes.OK}, {httpx.codes.UNAUTHORIZED}):
        raise AssertionError(f"{url}: {answers}")
    return answers[0] == httpx.codes.OK


def _by_grpc(door: Door, settings: Settings, known: bool) -> bool:
    user, password = access.options(settings, door.service)["auth"]
    given = "Basic " + base64.b64encode(f"{user}:{password if known else '0' * 64}".encode()).decode()
    with grpc.insecure_channel(door.address) as channel:
        call = channel.unary_unary(_SERVICES, request_serializer=bytes)
        for metadata in ([("authorization", given)],) if known else ([("authorization", given)], []):
            try:
                call(b"", metadata=metadata, timeout=WAIT_S)
            except grpc.RpcError as error:
                if known or error.code() != grpc.StatusCode.UNAUTHENTICATED:
                    raise
            else:
                return True
    return False


def _by_tls(door: Door, settings: Settings, known: bool) -> bool:
    """Whether anything is answered: a server that wants a certificate looks at it first."""
    secrets = access.of(settings)
    context = ssl.create_default_context(cafile=secrets.authority)
    context.check_hostname = False
    context.set_alpn_protocols(["h2", "http/1.1"])
    if known:
        context.load_cert_chain(secrets.certificate, secrets.key)
    host, _, port = door.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=WAIT_S) as plain:
        try:
            with context.wrap_socket(plain) as connection:
                connection.sendall(_HTTP2 if connection.selected_alpn_protocol() == "h2" else _HTTP1)
                return bool(connection.recv(1))
        except ssl.SSLError as error:
            if "CERTIFICATE" not in str(error.reason):
                raise
            return False
        except ConnectionResetError:
            return False
