"""An example whose switches files throw: `python switched.py FOLDER APP --fault NAMES …`, else as `make example`.

A switch of `--fault` is on from when FOLDER has a file of its name. Durations are those of the example's own clock.
"""

import sys
from pathlib import Path

import own_clock

from examples.common import traffic
from examples.common.faults import Faults


def main() -> int:
    """Exit status: that of examples.common.traffic."""
    folder = Path(sys.argv.pop(1))

    class Thrown(Faults):
        def __call__(self, name: str) -> bool:
            return super().__call__(name) and (folder / name).exists()

    traffic.Faults = Thrown  # type: ignore[misc]
    own_clock.keep()
    return traffic.main()


if __name__ == "__main__":
    sys.exit(main())
