"""`python -m otelgate_audit` is `otelgate-audit`."""

import sys

from .cli import main

sys.exit(main())
