"""The end of a native stack whose data no test reads again."""

import signal
from contextlib import suppress

import psutil
from otelgate_stack.engines.supervisor import Supervisor
from otelgate_stack.settings import Settings

_PATIENCE_S = 300


def end(stack: Settings) -> None:
    """Kill all that runs of it. `down` takes 10 s: Tempo sleeps for 5 s, a gateway waits for stores that are away."""
    # The supervisor is the first of them, since it would start the others again.
    running = Supervisor(stack.state_dir / "native").leftovers()
    for process in running:
        with suppress(psutil.NoSuchProcess):
            # On SIGQUIT PostgreSQL ends immediately, too, but frees the memory that its processes share.
            process.send_signal(signal.SIGQUIT if process.name() == "postgres" else signal.SIGKILL)
    _, left = psutil.wait_procs(running, timeout=_PATIENCE_S)
    assert not left, left
