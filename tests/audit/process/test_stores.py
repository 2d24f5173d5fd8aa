"""The credentials that the sink sends to Prometheus and Loki."""

import base64
from pathlib import Path

import pytest
from otelgate_audit import settings
from otelgate_audit.process import stores
from otelgate_audit.settings import SettingsError

from ..http_server import Quiet, listening


def test_password_is_sent_to_prometheus_only(tmp_path: Path) -> None:
    sent: list[str | None] = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            sent.append(self.headers["Authorization"])
            self.answer(200)

    (tmp_path / "password").write_text("s3cret\n")
    with listening(Handler) as url:
        env = {"OTELGATE_PROMETHEUS_URL": url, "OTELGATE_LOKI_URL": url}
        known = settings.load({**env, "OTELGATE_STORES_PASSWORD_FILE": str(tmp_path / "password")})
        for store in (stores.prometheus(known), stores.loki(known), stores.prometheus(settings.load(env))):
            store.opener.open(f"{store.url}/ready", timeout=30).close()
    assert sent == ["Basic " + base64.b64encode(b"otelgate:s3cret").decode(), None, None]


@pytest.mark.parametrize("name", ["OTELGATE_STORES_CERT_FILE", "OTELGATE_STORES_CA_FILE"])
@pytest.mark.parametrize("there", [True, False])
def test_store_names_unreadable_certificate(tmp_path: Path, name: str, there: bool) -> None:
    file = tmp_path / "pem"
    if there:
        file.write_text("no certificate")
    with pytest.raises(SettingsError, match=rf"^{name}='{file}': expected certificates that can be read: "):
        stores.loki(settings.load({name: str(file)}))
