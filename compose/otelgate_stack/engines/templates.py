"""The values of the templates in service_table.py, natively."""

from collections.abc import Mapping
from pathlib import Path

from otelgate_audit import kinds

from .. import access, credentials
from ..service_spec import Spec
from ..service_table import SPECS
from ..settings import ROWS, Settings


def values(spec: Spec, settings: Settings) -> Mapping[str, str]:
    """By name: every setting, the files with secrets, and the service's own `url`, `folder` and `config`."""
    known = {row.field: kinds.show(getattr(settings, row.field)) for row in ROWS}
    known |= {"root": str(settings.root), "name": spec.name, "url": access.url(settings, spec.name)}
    known |= vars(access.of(settings))
    known |= {
        "web_config": str(access.web_config(settings)),
        "owner_password": str(settings.database_password),
        "superuser_password": str(credentials.superuser_password(settings)),
        "monitor_password": str(credentials.monitor_password(settings)),
    }
    return known | {"folder": spec.folder.format_map(known), "config": spec.config.format_map(known)}


def config(name: str, settings: Settings) -> Path:
    """This service's configuration file, or the folder of its files."""
    return Path(values(SPECS[name], settings)["config"])
