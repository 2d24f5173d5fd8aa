"""Every dashboard, in the order in which a person would want them."""

from typing import Final

from .layout import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = ()
