"""Every dashboard: the `DASHBOARD` of each file in dashboards/, by uid."""

import importlib
import pkgutil
from typing import Final

from . import dashboards
from .layout import Dashboard


def _found() -> tuple[Dashboard, ...]:
    """A file without a `DASHBOARD` holds rows of another one's."""
    names = [f"{dashboards.__name__}.{module.name}" for module in pkgutil.iter_modules(dashboards.__path__)]
    modules = [importlib.import_module(name) for name in names]
    found = [module.DASHBOARD for module in modules if hasattr(module, "DASHBOARD")]
    return tuple(sorted(found, key=lambda dashboard: dashboard.uid))


DASHBOARDS: Final[tuple[Dashboard, ...]] = _found()
