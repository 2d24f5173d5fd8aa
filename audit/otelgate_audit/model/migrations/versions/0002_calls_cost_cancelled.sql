-- Calls and cost are compared with what the gateway counted, as runs are.

-- At the gateway; NULL where it did not say: what was stored before this revision. proof.py leaves NULL out of the MAC,
-- so that the ledger goes on attesting those rows.
ALTER TABLE audit.model_calls ADD COLUMN received_at timestamptz;
CREATE INDEX model_calls_received ON audit.model_calls (received_at) INCLUDE (service, duplicate_of, cost_usd)
    WHERE received_at IS NOT NULL;

ALTER TABLE content.rejects
    ADD COLUMN call boolean NOT NULL DEFAULT false,  -- it was a model call: reconciliation counts it as rejected
    ADD COLUMN cost_usd numeric,                     -- of that call, as far as it could be read
    ADD COLUMN received_at timestamptz;              -- at the gateway, likewise

-- runs, calls, or cost in USD: what all the numbers of the row are of.
ALTER TABLE audit.reconciliation ADD COLUMN quantity text NOT NULL DEFAULT 'runs';
ALTER TABLE audit.reconciliation
    ALTER COLUMN quantity DROP DEFAULT,
    ALTER COLUMN counted TYPE numeric,
    ALTER COLUMN stored TYPE numeric,
    ALTER COLUMN rejected TYPE numeric,
    ALTER COLUMN missing TYPE numeric,
    ALTER COLUMN surplus TYPE numeric,
    DROP CONSTRAINT reconciliation_pkey,
    ADD PRIMARY KEY (quantity, service, from_time);

-- What was cancelled is no error: a closed page, a task given up. Its status was `cancelled`, and is `ok` from here on;
-- proof.py attests both alike. The views have their columns in the same places, and the new one last.
ALTER TABLE audit.runs ADD COLUMN cancelled boolean NOT NULL DEFAULT false;
ALTER TABLE audit.model_calls ADD COLUMN cancelled boolean NOT NULL DEFAULT false;
ALTER TABLE audit.tool_calls ADD COLUMN cancelled boolean NOT NULL DEFAULT false;
ALTER TABLE audit.conversations ADD COLUMN cancelled boolean NOT NULL DEFAULT false;
UPDATE audit.runs SET status = 'ok', cancelled = true WHERE status = 'cancelled';
UPDATE audit.model_calls SET status = 'ok', cancelled = true WHERE status = 'cancelled';
UPDATE audit.tool_calls SET status = 'ok', cancelled = true WHERE status = 'cancelled';
UPDATE audit.conversations SET status = 'ok', cancelled = true WHERE status = 'cancelled';

CREATE OR REPLACE VIEW content.conversations AS
SELECT c.trace_id, c.started_at, c.ended_at, c.arrived_at, c.updated_at, c.service, c.environment, c.agent, c.route,
    c.session_id, c.user_id, c.tier, c.feature, c.status, c.error_type, c.latency_us, c.ttft_us, c.runs, c.model_calls,
    c.tool_calls, c.tool_errors, c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_creation_tokens,
    c.reasoning_tokens, c.cost_usd, c.unpriced_calls, c.price_version, c.models, c.confidence, c.relevance, c.rating,
    c.rating_score, c.question_hash, c.asked_start, c.asked_record, c.replied_start, c.replied_record, c.state,
    asked.input AS user_message, replied.output AS reply, c.cancelled
FROM audit.conversations c
LEFT JOIN content.texts asked
    ON asked.start_time = c.asked_start AND asked.trace_id = c.trace_id AND asked.record = c.asked_record
LEFT JOIN content.texts replied
    ON replied.start_time = c.replied_start AND replied.trace_id = c.trace_id AND replied.record = c.replied_record;

CREATE OR REPLACE VIEW content.tool_calls AS
SELECT t.start_time, t.trace_id, t.span_id, t.parent_span_id, t.service, t.environment, t.agent, t.session_id, t.user_id,
    t.tier, t.feature, t.duration_us, t.status, t.error_type, t.duplicate_of, t.tool, t.call_id,
    texts.input AS arguments, texts.output AS result, texts.error_message, t.cancelled
FROM audit.tool_calls t
LEFT JOIN content.texts texts
    ON texts.start_time = t.start_time AND texts.trace_id = t.trace_id AND texts.record = t.span_id;
