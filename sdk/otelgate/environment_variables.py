"""Entry point `opentelemetry_environment_variables`: makes `opentelemetry-instrument` choose this distro.

`opentelemetry-distro` is installed alongside this package, and the loader takes the first distro that it finds,
in no defined order. `opentelemetry-instrument` imports this module before it starts the program, so naming the distro
here settles it; `--distro`, `--configurator` and the variables themselves still win. No name in this module may start
with `OTEL_`: the command makes an option of each, and refuses to start when two packages name the same one.
"""

from ._settings import choose_distro as _choose_distro

_choose_distro()
