-- The audit store. Four schemas: `audit` holds everything but message content, `content` the message content, `ledger`
-- what proves that neither was changed, `analytics` views (made by `otelgate-audit migrate` from the folder views/).
--
-- Times of records are the spans' and events' own. Span-level tables are partitioned by the day of the span's start,
-- product events by month; the sink makes the partitions (partitions.py). Costs are exact decimals, so that sums do not
-- depend on the order of arrival.

CREATE SCHEMA IF NOT EXISTS audit;  -- Alembic keeps its version there
CREATE SCHEMA content;
CREATE SCHEMA ledger;

COMMENT ON SCHEMA audit IS 'Agent runs without message content';
COMMENT ON SCHEMA content IS 'Message content, masked by the gateway';
COMMENT ON SCHEMA ledger IS 'Append-only proof of what was committed';

-- People and their sessions -------------------------------------------------------------------------------------------

CREATE TABLE audit.users (
    service       text        NOT NULL,
    user_id       text        NOT NULL,
    first_seen    timestamptz NOT NULL,
    last_seen     timestamptz NOT NULL,
    signed_up_at  timestamptz,
    tier          text,
    tier_at       timestamptz,           -- when the tier was seen: the newest wins
    conversations bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (service, user_id)
);
CREATE INDEX users_last_seen ON audit.users (last_seen);

CREATE TABLE audit.sessions (
    service       text        NOT NULL,
    session_id    text        NOT NULL,
    user_id       text,
    user_at       timestamptz,           -- the earliest record that named the user decides
    first_seen    timestamptz NOT NULL,
    last_seen     timestamptz NOT NULL,
    tier          text,
    tier_at       timestamptz,
    conversations bigint      NOT NULL DEFAULT 0,
    agents        text[]      NOT NULL DEFAULT '{}',
    PRIMARY KEY (service, session_id)
);
CREATE INDEX sessions_last_seen ON audit.sessions (last_seen);
CREATE INDEX sessions_user ON audit.sessions (service, user_id);

-- One row per trace in which an agent ran or a model was called -------------------------------------------------------

CREATE TABLE audit.conversations (
    trace_id              text PRIMARY KEY,
    started_at            timestamptz NOT NULL,  -- of the leading span; of the earliest one until that is here
    ended_at              timestamptz NOT NULL,
    arrived_at            timestamptz NOT NULL,  -- at this sink, its first record
    updated_at            timestamptz NOT NULL,
    service               text NOT NULL,
    environment           text,
    agent                 text,
    route                 text[] NOT NULL DEFAULT '{}',  -- agents in the order in which they began
    session_id            text,
    user_id               text,
    tier                  text,
    feature               text,
    status                text,                  -- ok, error or cancelled; NULL while the leading span has not arrived
    error_type            text,
    latency_us            bigint,                -- NULL while the leading span has not arrived
    ttft_us               bigint,                -- from the start to the first chunk of the first streamed model call
    runs                  integer NOT NULL DEFAULT 0,
    model_calls           integer NOT NULL DEFAULT 0,  -- a call seen twice counts once
    tool_calls            integer NOT NULL DEFAULT 0,
    tool_errors           integer NOT NULL DEFAULT 0,
    input_tokens          bigint NOT NULL DEFAULT 0,
    output_tokens         bigint NOT NULL DEFAULT 0,
    cache_read_tokens     bigint NOT NULL DEFAULT 0,
    cache_creation_tokens bigint NOT NULL DEFAULT 0,
    reasoning_tokens      bigint NOT NULL DEFAULT 0,
    cost_usd              numeric NOT NULL DEFAULT 0,
    unpriced_calls        integer NOT NULL DEFAULT 0,
    price_version         text,
    models                text[] NOT NULL DEFAULT '{}',
    confidence            double precision,
    relevance             double precision,
    rating                text,                  -- positive or negative: the newest vote
    rating_score          smallint,              -- 1 to 5 of that vote
    question_hash         bytea,                 -- keyed: tells repeated questions, not what was asked
    asked_start           timestamptz,           -- with asked_record: whose content.texts.input is the question
    asked_record          text,
    replied_start         timestamptz,           -- with replied_record: whose content.texts.output is the reply
    replied_record        text,
    state                 jsonb NOT NULL         -- what the sink needs to merge later records; see conversation.py
) WITH (
    -- Index-only scans need the map that vacuum keeps: after a hundredth of the rows changed, not after a fifth.
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01
);
-- What the views read of a month of conversations, so that they need not touch the rows.
CREATE INDEX conversations_started ON audit.conversations (started_at)
    INCLUDE (service, environment, user_id, session_id, agent, tier, feature, status, cost_usd, latency_us, rating);
CREATE INDEX conversations_user ON audit.conversations (service, user_id, started_at);
CREATE INDEX conversations_session ON audit.conversations (service, session_id, started_at);
CREATE INDEX conversations_cost ON audit.conversations (cost_usd DESC, started_at);

-- Span level ----------------------------------------------------------------------------------------------------------

CREATE TABLE audit.runs (
    start_time     timestamptz NOT NULL,
    trace_id       text NOT NULL,
    span_id        text NOT NULL,
    parent_span_id text,
    service        text NOT NULL,
    environment    text,
    agent          text,
    session_id     text,
    user_id        text,
    tier           text,
    feature        text,
    duration_us    bigint NOT NULL,
    status         text NOT NULL,
    error_type     text,
    duplicate_of   text,
    operation      text NOT NULL,         -- invoke_agent, invoke_workflow, or chain (a framework's outer chain)
    received_at    timestamptz NOT NULL,  -- at the gateway
    PRIMARY KEY (start_time, trace_id, span_id)
) PARTITION BY RANGE (start_time);
CREATE INDEX runs_trace ON audit.runs (trace_id);
CREATE INDEX runs_received ON audit.runs (received_at) INCLUDE (service, operation, duplicate_of);

CREATE TABLE audit.model_calls (
    start_time            timestamptz NOT NULL,
    trace_id              text NOT NULL,
    span_id               text NOT NULL,
    parent_span_id        text,
    service               text NOT NULL,
    environment           text,
    agent                 text,
    session_id            text,
    user_id               text,
    tier                  text,
    feature               text,
    duration_us           bigint NOT NULL,
    status                text NOT NULL,
    error_type            text,
    duplicate_of          text,
    operation             text NOT NULL,  -- chat, text_completion, generate_content, embeddings
    provider              text,
    request_model         text,
    response_model        text,
    input_tokens          bigint,
    output_tokens         bigint,
    cache_read_tokens     bigint,
    cache_creation_tokens bigint,
    reasoning_tokens      bigint,
    time_to_first_chunk_us bigint,
    cost_usd              numeric,
    cost_status           text,
    price_version         text,
    finish_reason         text,
    PRIMARY KEY (start_time, trace_id, span_id)
) PARTITION BY RANGE (start_time);
CREATE INDEX model_calls_trace ON audit.model_calls (trace_id);

CREATE TABLE audit.tool_calls (
    start_time     timestamptz NOT NULL,
    trace_id       text NOT NULL,
    span_id        text NOT NULL,
    parent_span_id text,
    service        text NOT NULL,
    environment    text,
    agent          text,
    session_id     text,
    user_id        text,
    tier           text,
    feature        text,
    duration_us    bigint NOT NULL,
    status         text NOT NULL,
    error_type     text,
    duplicate_of   text,
    tool           text NOT NULL,
    call_id        text,
    PRIMARY KEY (start_time, trace_id, span_id)
) PARTITION BY RANGE (start_time);
CREATE INDEX tool_calls_trace ON audit.tool_calls (trace_id);
CREATE INDEX tool_calls_tool ON audit.tool_calls (tool, start_time);

-- Log events ----------------------------------------------------------------------------------------------------------

CREATE TABLE audit.feedback (
    start_time   timestamptz NOT NULL,
    uid          text NOT NULL,          -- log.record.uid, or a hash of the record where it has none
    trace_id     text,
    service      text NOT NULL,
    environment  text,
    session_id   text,
    user_id      text,
    rating       text,                   -- positive, negative, or NULL (3 of 5)
    score        smallint,
    PRIMARY KEY (start_time, uid)
);
CREATE INDEX feedback_trace ON audit.feedback (trace_id);

CREATE TABLE audit.scores (
    start_time   timestamptz NOT NULL,
    uid          text NOT NULL,
    trace_id     text,
    service      text NOT NULL,
    environment  text,
    session_id   text,
    user_id      text,
    name         text NOT NULL,
    value        double precision,
    label        text,
    PRIMARY KEY (start_time, uid)
);
CREATE INDEX scores_trace ON audit.scores (trace_id);
CREATE INDEX scores_name ON audit.scores (name, start_time);

CREATE TABLE audit.events (
    start_time   timestamptz NOT NULL,
    uid          text NOT NULL,
    trace_id     text,
    service      text NOT NULL,
    environment  text,
    session_id   text,
    user_id      text,
    tier         text,
    name         text NOT NULL,
    value        double precision,
    unit         text,
    attributes   jsonb NOT NULL DEFAULT '{}',  -- one word each; longer ones are in content.texts
    PRIMARY KEY (start_time, uid)
) PARTITION BY RANGE (start_time);
CREATE INDEX events_name ON audit.events (name, start_time);
CREATE INDEX events_user ON audit.events (service, user_id, start_time);

-- The days on which each user had a conversation or a product event, for daily and monthly active users, retention and
-- churn: counting them in a million conversations takes seconds. Kept by triggers, so that no writer can forget it. A row
-- stays when its conversation goes, and goes with its user.
CREATE TABLE audit.user_days (
    service     text NOT NULL,
    user_id     text NOT NULL,
    day         date NOT NULL,           -- UTC
    environment text NOT NULL,           -- empty: none was named
    tier        text NOT NULL,
    PRIMARY KEY (service, user_id, day, environment, tier)
);

CREATE FUNCTION audit.note_user_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In one order, so that two writers can't wait for each other.
    IF TG_TABLE_NAME = 'conversations' THEN
        INSERT INTO audit.user_days
        SELECT DISTINCT service, user_id, (started_at AT TIME ZONE 'UTC')::date, coalesce(environment, ''),
            coalesce(tier, '')
        FROM arrived WHERE user_id IS NOT NULL ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO audit.user_days
        SELECT DISTINCT service, user_id, (start_time AT TIME ZONE 'UTC')::date, coalesce(environment, ''),
            coalesce(tier, '')
        FROM arrived WHERE user_id IS NOT NULL ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER user_days AFTER INSERT ON audit.conversations
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION audit.note_user_days();
CREATE TRIGGER user_days AFTER INSERT ON audit.events
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION audit.note_user_days();

CREATE FUNCTION audit.drop_user_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM audit.user_days d USING gone WHERE d.service = gone.service AND d.user_id = gone.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER user_days AFTER DELETE ON audit.users
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION audit.drop_user_days();

-- Message content -----------------------------------------------------------------------------------------------------

-- The words of a run (question, reply), a model call (last user message, answer), a tool call (arguments, result), a
-- vote (comment), a score (explanation) or an event (its longer attributes as JSON). `record` is the span id or uid.
CREATE TABLE content.texts (
    start_time    timestamptz NOT NULL,
    trace_id      text NOT NULL,         -- empty for an event without a trace
    record        text NOT NULL,
    input         text,
    output        text,
    error_message text,
    PRIMARY KEY (start_time, trace_id, record)
) PARTITION BY RANGE (start_time);

CREATE VIEW content.conversations AS
SELECT c.*, asked.input AS user_message, replied.output AS reply
FROM audit.conversations c
LEFT JOIN content.texts asked
    ON asked.start_time = c.asked_start AND asked.trace_id = c.trace_id AND asked.record = c.asked_record
LEFT JOIN content.texts replied
    ON replied.start_time = c.replied_start AND replied.trace_id = c.trace_id AND replied.record = c.replied_record;

CREATE VIEW content.tool_calls AS
SELECT t.*, texts.input AS arguments, texts.output AS result, texts.error_message
FROM audit.tool_calls t
LEFT JOIN content.texts texts
    ON texts.start_time = t.start_time AND texts.trace_id = t.trace_id AND texts.record = t.span_id;

CREATE VIEW content.feedback AS
SELECT f.*, texts.input AS comment
FROM audit.feedback f
LEFT JOIN content.texts texts
    ON texts.start_time = f.start_time AND texts.trace_id = coalesce(f.trace_id, '') AND texts.record = f.uid;

-- What could not be taken ---------------------------------------------------------------------------------------------

CREATE TABLE content.rejects (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    arrived_at timestamptz NOT NULL,
    signal     text NOT NULL,             -- traces or logs
    service    text,
    trace_id   text,
    record     text,                      -- span id or uid, as far as it could be read
    run        boolean NOT NULL,          -- it was an agent run: reconciliation counts it as rejected
    reason     text NOT NULL,
    size       integer NOT NULL,          -- size of the record as it came
    payload    bytea NOT NULL             -- the record in OTLP, its first 64 KiB
);
CREATE INDEX rejects_arrived ON content.rejects (arrived_at);

-- Proof ---------------------------------------------------------------------------------------------------------------

CREATE TABLE ledger.keys (
    key_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service    text NOT NULL,
    user_id    text NOT NULL,             -- empty: records that belong to nobody
    key        bytea NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (service, user_id)
);

-- link = HMAC(chain key, previous link, this entry); the chain key is a file outside the database.
CREATE TABLE ledger.entries (
    seq          bigint NOT NULL,
    committed_at timestamptz NOT NULL,
    kind         text NOT NULL,           -- the record's table; erase.<table>, retain.<table>: attested anew; or retain
    start_time   timestamptz NOT NULL,
    trace_id     text NOT NULL,
    record       text NOT NULL,
    key_id       bigint NOT NULL,
    mac          bytea NOT NULL,          -- HMAC(key of the user, the record with its content)
    link         bytea NOT NULL,
    PRIMARY KEY (committed_at, seq)
) PARTITION BY RANGE (committed_at);
CREATE INDEX entries_seq ON ledger.entries (seq);
-- For `verify`, day by day; costs the sink next to nothing, as entries come about in the order of their records.
CREATE INDEX entries_start ON ledger.entries USING brin (start_time) WITH (autosummarize = on);

CREATE TABLE ledger.head (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq          bigint NOT NULL,
    link         bytea NOT NULL,
    committed_at timestamptz NOT NULL
);
INSERT INTO ledger.head (seq, link, committed_at) VALUES (0, '\x', now());

-- What retention left of each partition that it dropped.
CREATE TABLE ledger.dropped (
    table_name   text NOT NULL,
    partition    text NOT NULL,
    from_time    timestamptz NOT NULL,
    to_time      timestamptz NOT NULL,
    rows         bigint NOT NULL,
    seq          bigint NOT NULL,         -- the ledger's head when it was dropped; for ledger.entries: its last entry
    link         bytea NOT NULL,
    dropped_at   timestamptz NOT NULL,
    signature    bytea NOT NULL,          -- HMAC(chain key, all of the above)
    PRIMARY KEY (table_name, partition)
);

-- Housekeeping --------------------------------------------------------------------------------------------------------

-- Closed windows of five minutes: runs that the gateway counted beside rows that arrived.
CREATE TABLE audit.reconciliation (
    service    text NOT NULL,
    from_time  timestamptz NOT NULL,
    to_time    timestamptz NOT NULL,
    counted    bigint NOT NULL,
    stored     bigint NOT NULL,
    rejected   bigint NOT NULL,
    missing    bigint NOT NULL,
    surplus    bigint NOT NULL,
    checked_at timestamptz NOT NULL,
    PRIMARY KEY (service, from_time)
);

-- Monthly prices of tiers, for revenue; `otelgate-audit tier` sets them.
CREATE TABLE audit.tiers (
    service     text NOT NULL,
    tier        text NOT NULL,
    monthly_usd numeric NOT NULL CHECK (monthly_usd >= 0),
    PRIMARY KEY (service, tier)
);

-- What `forget` did: that it was done, not for whom.
CREATE TABLE audit.erasures (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    done_at   timestamptz NOT NULL,
    services  text[] NOT NULL,
    records   bigint NOT NULL,
    traces    bigint NOT NULL
);
