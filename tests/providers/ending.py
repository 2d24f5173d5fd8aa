"""How a test knows that it has seen all of an application's spans."""

from opentelemetry import trace


def the_last() -> None:
    """A run that leaves the process after everything else."""
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "the_last"}
    trace.get_tracer("ending").start_span("invoke_agent the_last", attributes=attributes).end()
