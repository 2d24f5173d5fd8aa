-- Turns: one by one, without their words for every reader, with them for otelgate_content only. The functions in
-- schema `content` read content.texts with the caller's rights.

CREATE FUNCTION analytics.recent_turns(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL, users text[] DEFAULT NULL, ratings text[] DEFAULT NULL, top integer DEFAULT 50
) RETURNS TABLE (
    started_at timestamptz, trace_id text, service text, environment text, agent text, route text[], tier text,
    user_id text, session_id text, status text, cancelled boolean, error_type text, latency_seconds double precision,
    cost_usd numeric, tool_calls integer, confidence double precision, rating text, asked_start timestamptz,
    asked_record text, replied_start timestamptz, replied_record text
)
LANGUAGE sql STABLE AS $$
SELECT c.started_at, c.trace_id, c.service, c.environment, c.agent, c.route, c.tier, c.user_id, c.session_id, c.status,
    c.cancelled, c.error_type, c.latency_us / 1e6, c.cost_usd, c.tool_calls, c.confidence, c.rating, c.asked_start,
    c.asked_record, c.replied_start, c.replied_record
FROM audit.turns c
WHERE c.started_at >= from_time AND c.started_at < to_time
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, agents) AND analytics.chosen(c.tier, tiers)
    AND analytics.chosen(c.user_id, users) AND analytics.chosen(coalesce(c.rating, 'none'), ratings)
ORDER BY c.started_at DESC, c.trace_id
LIMIT top
$$;
COMMENT ON FUNCTION analytics.recent_turns IS
    'The newest turns, without content. ratings: positive, negative, none (unrated). The words: content.recent_turns.';

DROP FUNCTION IF EXISTS content.recent_turns;
CREATE FUNCTION content.recent_turns(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL, users text[] DEFAULT NULL, ratings text[] DEFAULT NULL, top integer DEFAULT 50,
    characters integer DEFAULT 100
) RETURNS TABLE (
    started_at timestamptz, trace_id text, service text, environment text, agent text, tier text, user_id text,
    session_id text, question text, reply text, status text, cancelled boolean, latency_seconds double precision,
    confidence double precision, rating text
)
LANGUAGE sql STABLE AS $$
SELECT c.started_at, c.trace_id, c.service, c.environment, c.agent, c.tier, c.user_id, c.session_id,
    left(asked.input, characters), left(replied.output, characters), c.status, c.cancelled, c.latency_seconds,
    c.confidence, c.rating
FROM analytics.recent_turns(
    from_time, to_time, services, environments, agents, tiers, users, ratings, recent_turns.top
) c
LEFT JOIN content.texts asked
    ON asked.start_time = c.asked_start AND asked.trace_id = c.trace_id AND asked.record = c.asked_record
LEFT JOIN content.texts replied
    ON replied.start_time = c.replied_start AND replied.trace_id = c.trace_id AND replied.record = c.replied_record
ORDER BY c.started_at DESC, c.trace_id
$$;
COMMENT ON FUNCTION content.recent_turns IS
    'The newest turns with the first 100 characters of question and reply (masked by the gateway).';

DROP FUNCTION IF EXISTS content.negatives;
CREATE FUNCTION content.negatives(
    from_time timestamptz DEFAULT now() - interval '24 hours', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL, top integer DEFAULT 10
) RETURNS TABLE (
    voted_at timestamptz, trace_id text, service text, agent text, user_id text, question text, reply text, comment text
)
LANGUAGE sql STABLE AS $$
SELECT n.voted_at, n.trace_id, n.service, n.agent, n.user_id, asked.input, replied.output, said.input
FROM (
    SELECT * FROM analytics.negatives(from_time, to_time, services, environments, agents, tiers) LIMIT negatives.top
) n
JOIN audit.turns c ON c.trace_id = n.trace_id
LEFT JOIN audit.feedback f ON f.trace_id = n.trace_id AND f.start_time = n.voted_at AND f.rating = 'negative'
LEFT JOIN content.texts asked
    ON asked.start_time = c.asked_start AND asked.trace_id = c.trace_id AND asked.record = c.asked_record
LEFT JOIN content.texts replied
    ON replied.start_time = c.replied_start AND replied.trace_id = c.trace_id AND replied.record = c.replied_record
LEFT JOIN content.texts said ON said.start_time = f.start_time AND said.trace_id = f.trace_id AND said.record = f.uid
ORDER BY 1 DESC, 2
$$;
COMMENT ON FUNCTION content.negatives IS 'Turns voted down, newest first, with what was asked, answered and commented.';

DROP FUNCTION IF EXISTS content.turn;
CREATE FUNCTION content.turn(wanted text) RETURNS TABLE (
    trace_id text, started_at timestamptz, service text, environment text, agent text, route text[], session_id text,
    user_id text, tier text, feature text, status text, cancelled boolean, error_type text,
    latency_seconds double precision, ttft_seconds double precision, input_tokens bigint, output_tokens bigint,
    cost_usd numeric, confidence double precision, rating text, question text, reply text, tool_calls jsonb, votes jsonb
)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
-- The times are fetched first, so that the planner sees only those partitions that can hold the turn's records.
DECLARE
    c audit.turns;
    since timestamptz;
    till timestamptz;
    first_vote timestamptz;
    last_vote timestamptz;
BEGIN
    FOR c IN
        SELECT * FROM audit.turns k WHERE k.trace_id IN (SELECT analytics.trace_parts(wanted)) ORDER BY k.started_at
    LOOP
        since := c.started_at - interval '1 day';
        till := c.ended_at + interval '1 day';
        SELECT min(f.start_time), max(f.start_time) INTO first_vote, last_vote FROM audit.feedback f
            WHERE f.trace_id = c.trace_id;
        RETURN QUERY SELECT c.trace_id, c.started_at, c.service, c.environment, c.agent, c.route, c.session_id, c.user_id,
            c.tier, c.feature, c.status, c.cancelled, c.error_type, c.latency_us / 1e6::float8, c.ttft_us / 1e6::float8,
            c.input_tokens, c.output_tokens, c.cost_usd, c.confidence, c.rating,
            (
                SELECT x.input FROM content.texts x
                WHERE x.start_time = c.asked_start AND x.trace_id = c.trace_id AND x.record = c.asked_record
            ),
            (
                SELECT x.output FROM content.texts x
                WHERE x.start_time = c.replied_start AND x.trace_id = c.trace_id AND x.record = c.replied_record
            ),
            (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'time', t.start_time, 'tool', t.tool, 'agent', t.agent, 'status', t.status,
                    'cancelled', t.cancelled, 'error_type', t.error_type, 'duration_ms', t.duration_us / 1e3,
                    'arguments', x.input, 'result', x.output, 'error_message', x.error_message) ORDER BY t.start_time, t.span_id), '[]')
                FROM audit.tool_calls t
                LEFT JOIN content.texts x ON x.start_time = t.start_time AND x.trace_id = t.trace_id AND x.record = t.span_id
                    AND x.start_time BETWEEN since AND till
                WHERE t.trace_id = c.trace_id AND t.duplicate_of IS NULL
                    AND t.start_time BETWEEN since AND till
            ),
            (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'time', f.start_time, 'rating', f.rating, 'score', f.score, 'comment', x.input) ORDER BY f.start_time), '[]')
                FROM audit.feedback f
                LEFT JOIN content.texts x ON x.start_time = f.start_time AND x.trace_id = f.trace_id AND x.record = f.uid
                    AND x.start_time BETWEEN first_vote AND last_vote
                WHERE f.trace_id = c.trace_id
            );
    END LOOP;
END $$;
COMMENT ON FUNCTION content.turn IS
    'One turn by its trace id, or one for each application that took part in the trace: question, reply, its tool calls with arguments and results, its votes with comments. Tool calls more than a day outside of it are left out.';
