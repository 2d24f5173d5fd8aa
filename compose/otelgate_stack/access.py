"""Credentials that each service requires, so that web pages and other accounts of this machine get nothing.

Some services take a password. The others cannot: they speak TLS alone, and only with those who show the certificate
that they themselves have. service_table.py says which wants which; all of this stack's own programs send it.
"""

import datetime
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import state, web
from .errors import StackError
from .ports import LOOPBACK, loopback
from .service_spec import CERTIFICATE, PASSWORD, Port
from .service_table import SPECS, TABLE
from .settings import Settings

USER = "otelgate"
WANTS = {spec.name: spec.wants for spec in TABLE if spec.wants}
"""By service, of its HTTP; a service that is not here needs no credentials, or has its own check (doctor/doors.py)."""

# The password is 256 bits of randomness, which no attempts will find: a slow hash would only cost each request.
_HASH_ROUNDS = 4
_FOREVER = datetime.datetime(9999, 12, 31, 23, 59, 59)  # RFC 5280, 4.1.2.5: no date at which it ends
_SINCE = datetime.datetime(2025, 1, 1)


@dataclass(frozen=True)
class Secrets:
    """The files with what is sent, as the one who sends it sees them."""

    password: str
    certificate: str
    key: str
    authority: str


def of(settings: Settings) -> Secrets:
    """On this machine."""
    fields = ("stores_password_file", "stores_cert_file", "stores_key_file", "stores_ca_file")
    return Secrets(*(str(getattr(settings, field)) for field in fields))


# In a container (compose.yaml).
MOUNTED = Secrets(*(f"/run/secrets/stores_{name}" for name in ("password", "certificate", "key", "authority")))


def scheme(service: str) -> str:
    """Of this service's URLs."""
    return "https" if WANTS.get(service) == CERTIFICATE else "http"


def url(settings: Settings, service: str) -> str:
    """The URL at which this machine reaches a service."""
    return f"{scheme(service)}://{_reached(settings, SPECS[service].ports[0])}"


def address(settings: Settings, service: str) -> str:
    """The host:port of a service's health check, as this machine reaches it."""
    return _reached(settings, SPECS[service].checked)


def health_url(settings: Settings, service: str) -> str:
    """The URL of a service's health check."""
    return f"{scheme(service)}://{address(settings, service)}{SPECS[service].health}"


def bound(settings: Settings, port: Port) -> tuple[str, int]:
    """The address that a port is bound to, natively, and its number."""
    return getattr(settings, port.host) if port.host else LOOPBACK, getattr(settings, port.setting)


def _reached(settings: Settings, port: Port) -> str:
    host, number = bound(settings, port)
    return f"{loopback(host)}:{number}"


def options(settings: Settings, service: str) -> dict[str, Any]:
    """Arguments of httpx for access: `auth`, or `verify`; none for a service that requires neither.

    Nor before the first `make up`, when there are no secrets yet. Raises StackError for one that can't be read.
    """
    secrets = of(settings)
    try:
        if WANTS.get(service) == PASSWORD:
            return {"auth": (USER, Path(secrets.password).read_text().strip())}
        if WANTS.get(service) == CERTIFICATE:
            context = ssl.create_default_context(cafile=secrets.authority)
            context.load_cert_chain(secrets.certificate, secrets.key)
            return {"verify": context}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # ssl's are both
        raise StackError(f"the secrets of the stores in {Path(secrets.password).parent}: {error}") from None
    return {}


def client(settings: Settings, service: str, **more: Any) -> httpx.Client:
    """A client of this service, with httpx's own options besides; paths are enough for it."""
    return web.client(**{"base_url": url(settings, service), **options(settings, service), **more})


def get(settings: Settings, service: str, path: str, **more: Any) -> httpx.Response:
    """One GET of a path of this service, or of a URL of any service. Raises httpx.HTTPError."""
    where = path if "://" in path else url(settings, service) + path
    return web.get(where, **options(settings, service), **more)


def as_client(service: str, secrets: Secrets) -> dict[str, Any]:
    """The same in the words of Prometheus' configuration: of scrapes, alerts and the prober's modules."""
    if WANTS.get(service) == PASSWORD:
        return {"basic_auth": {"username": USER, "password_file": secrets.password}}
    if WANTS.get(service) == CERTIFICATE:
        names = {"ca_file": secrets.authority, "cert_file": secrets.certificate, "key_file": secrets.key}
        return {"scheme": "https", "tls_config": names}
    return {}


def known_by(settings: Settings) -> tuple[Path, ...]:
    """Files that change with the secrets: who has read them, on either side, has to be restarted then."""
    return web_config(settings), Path(of(settings).certificate)


def web_config(settings: Settings) -> Path:
    """The file by which Prometheus and its relatives know the password (`--web.config.file`)."""
    return _folder(settings) / "web.yml"


def htpasswd(settings: Settings) -> Path:
    """The file by which Jaeger knows it."""
    return _folder(settings) / "htpasswd"


def http_config(settings: Settings) -> Path:
    """The file with which amtool and promtool send it (`--http.config.file`)."""
    return _folder(settings) / "http.yml"


def curl_config(settings: Settings) -> Path:
    """The file with which curl sends password and certificate (`curl -K`)."""
    return _folder(settings) / "curl"


def how_to_log_in(settings: Settings) -> str:
    """For people: with what they open the pages and addresses that are printed."""
    asking = ", ".join(spec.name.capitalize() for spec in TABLE if spec.wants == PASSWORD and spec.kind != "exporter")
    return (
        f"{asking}: user {USER}, password in {of(settings).password};"
        f" curl sends all that is wanted with -K {curl_config(settings)}"
    )


def prepare(settings: Settings) -> None:
    """Write what follows from the secrets, where it changed. They must be there. Raises StackError."""
    secrets = of(settings)
    password = _read(secrets.password)
    state.make_folder(_folder(settings))
    if not _knows(web_config(settings), password):
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_HASH_ROUNDS)).decode()
        _write(web_config(settings), yaml.safe_dump({"basic_auth_users": {USER: hashed}}))
    _write(htpasswd(settings), f"{USER}:{_hashed(web_config(settings))}\n")
    _write(http_config(settings), yaml.safe_dump(as_client("prometheus", secrets)))
    pairs = {
        "user": f"{USER}:{password}",
        "cacert": secrets.authority,
        "cert": secrets.certificate,
        "key": secrets.key,
    }
    _write(curl_config(settings), "".join(f'{name} = "{_quoted(value)}"\n' for name, value in pairs.items()))


def new_certificate() -> tuple[str, str]:
    """A certificate and its key (PEM): it has signed itself, and is for both ends of a connection."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "otelgate stores")])
    names = [x509.DNSName(each) for each in ("localhost", *WANTS)]
    addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), _SINCE, _FOREVER)
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _folder(settings: Settings) -> Path:
    return settings.state_dir / "access"


def _read(path: str) -> str:
    try:
        found = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"OTELGATE_STORES_PASSWORD_FILE='{path}': {error}") from None
    if not 1 <= (size := len(found.encode())) <= 72:  # what bcrypt takes
        expected = "expected a password of 1 to 72 bytes in it"
        raise StackError(f"OTELGATE_STORES_PASSWORD_FILE='{path}': {expected}, found {size}")
    return found


def _knows(config: Path, password: str) -> bool:
    """Whether its hash is this password's: a new one would differ each time, as if something had changed."""
    try:
        return bcrypt.checkpw(password.encode(), _hashed(config).encode())
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return False


def _hashed(config: Path) -> str:
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(config.read_text())
    return found["basic_auth_users"][USER]


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _write(path: Path, text: str) -> None:
    if not (path.exists() and path.read_text() == text):
        state.write_private(path, text)
