"""Switches that only Osool has, besides those that all examples share."""

from examples.common.faults import FAULTS, Faults

OWN = {
    "breaker_openai": "the model fails until its circuit breaker opens",
    "breaker_blockchain": "the blockchain fails until its circuit breaker opens",
    "breaker_paymob": "Paymob fails until its circuit breaker opens",
    "no_reservations": "users look, and none reserves",
}
FAULTS.update(OWN)  # what `Faults` knows by name

ALL = (
    *("model_errors", "slow_model", "slow_database", "database_connections", "http_errors", "slow_http", "down"),
    *("breaker_open", "breaker_openai", "breaker_blockchain", "breaker_paymob"),
    *("reservations_fail", "no_reservations", "traffic_drop", "session_flood", "cost_spike", "negative_feedback"),
)


def is_broken(faults: Faults, service: str) -> bool:
    """Whether the service behind the breaker of that name fails: openai, blockchain, paymob."""
    return faults("breaker_open") or faults(f"breaker_{service}")
