"""Every attribute, event and environment name that the Python side uses, once.

Sources: the OpenTelemetry semantic conventions (`gen_ai.*` from semantic-conventions-genai, status Development; the
rest stable) and OpenInference. Ours start with `otelgate.`.
"""

from typing import Final

# Semantic conventions: generative AI.
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""Seconds (double) from the start of a streamed model call to its first chunk."""

OPERATION_INVOKE_AGENT: Final = "invoke_agent"

# Semantic conventions: general.
SESSION_ID: Final = "session.id"
USER_ID: Final = "user.id"
ERROR_TYPE: Final = "error.type"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
EXCEPTION_ESCAPED: Final = "exception.escaped"
TELEMETRY_DISTRO_NAME: Final = "telemetry.distro.name"
TELEMETRY_DISTRO_VERSION: Final = "telemetry.distro.version"

# OpenInference.
OPENINFERENCE_SCOPE: Final = "openinference."
OPENINFERENCE_METADATA: Final = "metadata"

# Ours.
OTELGATE_PREFIX: Final = "otelgate."
OTELGATE_TIER: Final = "otelgate.tier"
EVENT_FIRST_CHUNK: Final = "otelgate.llm.first_chunk"
"""Span event at the moment of the first chunk."""

SCOPE: Final = "otelgate"
"""Instrumentation scope of the SDK's own spans, and the name of its logger."""

# Environment.
ENV_CAPTURE_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
ENV_SDK_DISABLED: Final = "OTEL_SDK_DISABLED"
