-- Quality: how good the answers were. A turn's rating is its newest vote; without a vote it is unrated, not disliked.

CREATE FUNCTION analytics.satisfaction(
    bucket interval DEFAULT '1 day',
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (
    "time" timestamptz, turns bigint, positive bigint, negative bigint, satisfaction double precision,
    rated_ratio double precision
)
LANGUAGE sql STABLE AS $$
SELECT date_bin(bucket, c.started_at, '2001-01-01Z'), count(*), count(*) FILTER (WHERE c.rating = 'positive'),
    count(*) FILTER (WHERE c.rating = 'negative'),
    count(*) FILTER (WHERE c.rating = 'positive')::float8 / nullif(count(c.rating), 0),
    count(c.rating)::float8 / count(*)
FROM audit.turns c
WHERE c.started_at >= from_time AND c.started_at < to_time
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, agents) AND analytics.chosen(c.tier, tiers)
GROUP BY 1
ORDER BY 1
$$;
COMMENT ON FUNCTION analytics.satisfaction IS
    'satisfaction = positive / (positive + negative), NULL if there are no votes; rated_ratio is the share of turns with a vote.';

CREATE FUNCTION analytics.negatives(
    from_time timestamptz DEFAULT now() - interval '24 hours', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (
    voted_at timestamptz, trace_id text, started_at timestamptz, service text, environment text, agent text, tier text,
    user_id text, session_id text, rating_score smallint, status text, cancelled boolean, error_type text,
    latency_seconds double precision, confidence double precision
)
LANGUAGE sql STABLE AS $$
SELECT v.voted_at, c.trace_id, c.started_at, c.service, c.environment, c.agent, c.tier, c.user_id, c.session_id,
    c.rating_score, c.status, c.cancelled, c.error_type, c.latency_us / 1e6, c.confidence
FROM (
    SELECT f.trace_id, max(f.start_time) AS voted_at
    FROM audit.feedback f
    WHERE f.start_time >= from_time AND f.start_time < to_time AND f.rating = 'negative'
    GROUP BY 1
) v
JOIN audit.turns c ON c.trace_id = v.trace_id
WHERE c.rating = 'negative'
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, agents) AND analytics.chosen(c.tier, tiers)
ORDER BY 1 DESC, 2
$$;
COMMENT ON FUNCTION analytics.negatives IS
    'Turns voted down in the range whose newest vote still is negative. For the content: content.turn(trace id).';

CREATE FUNCTION analytics.repeat_questions(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    top integer DEFAULT 20
) RETURNS TABLE (
    question_hash text, service text, times bigint, users bigint, first_asked timestamptz, last_asked timestamptz,
    positive bigint, negative bigint, satisfaction double precision, cost_usd numeric, sample_trace_id text
)
LANGUAGE sql STABLE AS $$
WITH repeated AS (
    SELECT c.question_hash, c.service, count(*) AS times
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time AND c.question_hash IS NOT NULL
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
        AND analytics.chosen(c.agent, agents)
    GROUP BY 1, 2
    HAVING count(*) > 1
    ORDER BY 3 DESC, 1, 2
    LIMIT top
)
SELECT encode(r.question_hash, 'hex'), r.service, r.times, count(DISTINCT c.user_id), min(c.started_at),
    max(c.started_at), count(*) FILTER (WHERE c.rating = 'positive'), count(*) FILTER (WHERE c.rating = 'negative'),
    count(*) FILTER (WHERE c.rating = 'positive')::float8 / nullif(count(c.rating), 0), sum(c.cost_usd),
    min(c.trace_id)
FROM repeated r
JOIN audit.turns c ON c.question_hash = r.question_hash AND c.service = r.service
WHERE c.started_at >= from_time AND c.started_at < to_time AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, agents)
GROUP BY r.question_hash, r.service, r.times
ORDER BY 3 DESC, 1, 2
$$;
COMMENT ON FUNCTION analytics.repeat_questions IS
    'Questions asked more than once, by their keyed hash: how often, by how many users, how the answers were rated. The words of one: content.turn(sample_trace_id).';

CREATE FUNCTION analytics.router_accuracy(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, within interval DEFAULT '30 minutes'
) RETURNS TABLE (
    service text, routed bigint, errors bigint, error_ratio double precision, followed bigint, stayed bigint,
    engagement double precision, accuracy double precision
)
LANGUAGE sql STABLE AS $$
WITH routed AS (
    SELECT c.service, c.status, c.route[cardinality(c.route)] AS chosen, c.started_at,
        lead(c.route[cardinality(c.route)]) OVER in_session AS next_chosen,
        lead(c.started_at) OVER in_session AS next_at, c.session_id
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time AND cardinality(c.route) > 1
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    WINDOW in_session AS (PARTITION BY c.service, c.session_id ORDER BY c.started_at)
), sums AS (
    SELECT r.service, count(r.status) AS routed, count(*) FILTER (WHERE r.status = 'error') AS errors,
        count(*) FILTER (WHERE r.session_id IS NOT NULL AND r.next_at <= r.started_at + within) AS followed,
        count(*) FILTER (
            WHERE r.session_id IS NOT NULL AND r.next_at <= r.started_at + within AND r.next_chosen = r.chosen
        ) AS stayed
    FROM routed r
    GROUP BY 1
)
SELECT s.service, s.routed, s.errors, s.errors::float8 / nullif(s.routed, 0), s.followed, s.stayed,
    s.stayed::float8 / nullif(s.followed, 0),
    (1 - s.errors::float8 / nullif(s.routed, 0)) * s.stayed / nullif(s.followed, 0)
FROM sums s
ORDER BY 1
$$;
COMMENT ON FUNCTION analytics.router_accuracy IS
    'An estimate: accuracy = (1 - error_ratio) * engagement, over turns in which one agent handed on to another. engagement: where the session went on within 30 minutes, the share that stayed with the same agent. A user who truly changes the subject counts as misrouted, so this is a lower bound.';
