"""Every attribute, event and metric name that more than one Python module uses, once; a test checks it.

A name that a single module uses may stand there. Queries (SQL, PromQL, TraceQL) spell names, too.

Sources: the OpenTelemetry semantic conventions (`gen_ai.*` from semantic-conventions-genai, status Development; the
rest stable) and OpenInference. Ours start with `otelgate.`.
"""

from typing import Final

# Semantic conventions: generative AI.
GEN_AI_PREFIX: Final = "gen_ai."
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
GEN_AI_TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""Seconds (double) from the start of a streamed model call to its first chunk."""
OPENAI_SERVICE_TIER: Final = "openai.response.service_tier"

GEN_AI_EVALUATION_NAME: Final = "gen_ai.evaluation.name"
GEN_AI_EVALUATION_SCORE_VALUE: Final = "gen_ai.evaluation.score.value"
GEN_AI_EVALUATION_SCORE_LABEL: Final = "gen_ai.evaluation.score.label"
GEN_AI_EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
EVENT_EVALUATION_RESULT: Final = "gen_ai.evaluation.result"

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
LOG_RECORD_UID: Final = "log.record.uid"
"""A UUID: a record that is sent again counts once."""
TELEMETRY_DISTRO_NAME: Final = "telemetry.distro.name"
TELEMETRY_DISTRO_VERSION: Final = "telemetry.distro.version"

# OpenInference.
OPENINFERENCE_SCOPE: Final = "openinference."
OPENINFERENCE_METADATA: Final = "metadata"
OPENINFERENCE_SPAN_KIND: Final = "openinference.span.kind"
LLM_CACHE_READ: Final = "llm.token_count.prompt_details.cache_read"
LLM_CACHE_WRITE: Final = "llm.token_count.prompt_details.cache_write"
LLM_REASONING: Final = "llm.token_count.completion_details.reasoning"

# Ours.
OTELGATE_PREFIX: Final = "otelgate."
OTELGATE_DUPLICATE_OF: Final = "otelgate.duplicate_of"
"""The id of the span that is counted for the same call, 16 hexadecimal digits."""
OTELGATE_CONTENT: Final = "otelgate.content"
"""Resource attribute, true: the sender says that its message content may be kept in the audit store."""
OTELGATE_TIER: Final = "otelgate.tier"
OTELGATE_FEATURE: Final = "otelgate.feature"
OTELGATE_CACHE_WRITE_1H: Final = "otelgate.usage.cache_write_1h.input_tokens"
"""The part of the input tokens that a provider keeps in its cache for an hour."""
EVENT_FIRST_CHUNK: Final = "otelgate.llm.first_chunk"
"""Span event at the moment of the first chunk."""
OTELGATE_EVENT_NAME: Final = "otelgate.event.name"
"""Makes a log event a product event."""
OTELGATE_EVENT_VALUE: Final = "otelgate.event.value"
OTELGATE_EVENT_UNIT: Final = "otelgate.event.unit"
EVENT_FEEDBACK: Final = "otelgate.feedback"
OTELGATE_FEEDBACK_RATING: Final = "otelgate.feedback.rating"
"""positive or negative."""
OTELGATE_FEEDBACK_SCORE: Final = "otelgate.feedback.score"
"""1 (worst) to 5 (best)."""
OTELGATE_FEEDBACK_COMMENT: Final = "otelgate.feedback.comment"
OTELGATE_COST_USD: Final = "otelgate.cost.usd"
"""The price of a call, USD; the gateway sets it, as the next two and the times of receipt."""
OTELGATE_COST_STATUS: Final = "otelgate.cost.status"
OTELGATE_COST_PRICE_VERSION: Final = "otelgate.cost.price_version"
OTELGATE_CALL_RECEIVED_AT: Final = "otelgate.call.received_at"
"""Nanoseconds since 1970 at which the gateway received a call's end."""
OTELGATE_RUN_RECEIVED_AT: Final = "otelgate.run.received_at"
"""As OTELGATE_CALL_RECEIVED_AT, of an agent's run."""
OTELGATE_SPEECH_TYPE: Final = "otelgate.speech.type"
OTELGATE_WINDOW: Final = "otelgate.window"
"""The time that a gauge looks back on: 5m, 1h, 24h."""
METRIC_SESSION_ACTIVE: Final = "otelgate.session.active"
METRIC_USER_ACTIVE: Final = "otelgate.user.active"
METRIC_USER_OVER_LIMIT: Final = "otelgate.user.over_limit"
METRIC_USER_COST_MAX: Final = "otelgate.user.cost.max"
OTELGATE_CANCELLED: Final = "otelgate.cancelled"
"""True on a span whose work its caller gave up: no error."""
OTELGATE_SIGNAL: Final = "otelgate.signal"
"""traces, metrics or logs."""
METRIC_DROPPED: Final = "otelgate.sdk.dropped"
"""The number of items that the SDK dropped, by `otelgate.signal` and `error.type`."""
FEEDBACK_AUDIENCE: Final = "otelgate-feedback"
"""`aud` of a feedback token."""

RATINGS: Final = {"positive": "positive", "negative": "negative", "up": "positive", "down": "negative"}
"""The words of a vote, as given -> as stored."""
RATING_POINTS: Final = {1: "negative", 2: "negative", 3: None, 4: "positive", 5: "positive"}
"""A score -> its word; None: neither."""

# generated: buckets
DURATION_BOUNDS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 8.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0)
"""Buckets of durations, s: `duration` of collector/derive/metrics.yaml."""
# end of generated: buckets

SCOPE: Final = "otelgate"
"""Instrumentation scope of the SDK's own spans and events, and the name of its logger."""

# Environment.
ENV_CAPTURE_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
ENV_SDK_DISABLED: Final = "OTEL_SDK_DISABLED"
ENV_EXIT_TIMEOUT: Final = "OTELGATE_EXIT_TIMEOUT"
ENV_FEEDBACK_SECRET: Final = "OTELGATE_FEEDBACK_SECRET"
ENV_FEEDBACK_SECRET_FILE: Final = "OTELGATE_FEEDBACK_SECRET_FILE"
