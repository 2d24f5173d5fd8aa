-- Reports: the numbers of a report, and sums to build any other panel from.

CREATE FUNCTION analytics.kpis(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (
    turns bigint, users bigint, sessions bigint, turns_per_session double precision, errors bigint,
    error_ratio double precision, success_ratio double precision, p50_seconds double precision,
    p95_seconds double precision, p99_seconds double precision, mean_seconds double precision, cost_usd numeric,
    cost_per_turn numeric, turns_per_dollar numeric, input_tokens bigint, output_tokens bigint, tool_calls bigint,
    tool_success_ratio double precision, positive bigint, negative bigint, satisfaction double precision,
    repeat_ratio double precision
)
LANGUAGE sql STABLE AS $$
WITH talks AS MATERIALIZED (
    SELECT c.service, c.user_id, c.session_id, c.status, c.latency_us, c.cost_usd, c.input_tokens, c.output_tokens,
        c.tool_calls, c.tool_errors, c.rating, c.question_hash
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
        AND analytics.chosen(c.agent, kpis.agents) AND analytics.chosen(c.tier, tiers)
), sums AS (
    SELECT count(*) AS turns, count(t.session_id) AS in_sessions, count(t.status) AS ended,
        count(*) FILTER (WHERE t.status = 'error') AS errors,
        percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY t.latency_us) AS latency,
        avg(t.latency_us) AS mean, sum(t.cost_usd) AS cost_usd, sum(t.input_tokens) AS input_tokens,
        sum(t.output_tokens) AS output_tokens, sum(t.tool_calls) AS tool_calls, sum(t.tool_errors) AS tool_errors,
        count(*) FILTER (WHERE t.rating = 'positive') AS positive,
        count(*) FILTER (WHERE t.rating = 'negative') AS negative, count(t.question_hash) AS hashed
    FROM talks t
), distincts AS (
    SELECT
        (SELECT count(*) FROM (SELECT DISTINCT t.service, t.user_id FROM talks t WHERE t.user_id IS NOT NULL) u) AS users,
        (
            SELECT count(*)
            FROM (SELECT DISTINCT t.service, t.session_id FROM talks t WHERE t.session_id IS NOT NULL) s
        ) AS sessions,
        (
            SELECT count(*)
            FROM (SELECT DISTINCT t.service, t.question_hash FROM talks t WHERE t.question_hash IS NOT NULL) q
        ) AS questions
)
SELECT s.turns, d.users, d.sessions, s.in_sessions::float8 / nullif(d.sessions, 0), s.errors,
    s.errors::float8 / nullif(s.ended, 0), 1 - s.errors::float8 / nullif(s.ended, 0),
    s.latency[1] / 1e6, s.latency[2] / 1e6, s.latency[3] / 1e6, (s.mean / 1e6)::float8, coalesce(s.cost_usd, 0),
    s.cost_usd / nullif(s.turns, 0), s.turns / nullif(s.cost_usd, 0),
    coalesce(s.input_tokens, 0)::bigint, coalesce(s.output_tokens, 0)::bigint, coalesce(s.tool_calls, 0),
    1 - s.tool_errors::float8 / nullif(s.tool_calls, 0), s.positive, s.negative,
    s.positive::float8 / nullif(s.positive + s.negative, 0), 1 - d.questions::float8 / nullif(s.hashed, 0)
FROM sums s
CROSS JOIN distincts d
$$;
COMMENT ON FUNCTION analytics.kpis IS
    'The numbers of a range in one row. Ratios are from 0 to 1 and NULL where there is nothing to divide by. repeat_ratio is the share of questions that had been asked before in the range.';

CREATE FUNCTION analytics.kpi_changes(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (
    kpi text, value double precision, before double precision, change double precision, target text, met boolean
)
LANGUAGE sql STABLE AS $$
WITH present AS (
    SELECT * FROM analytics.kpis(from_time, to_time, services, environments, agents, tiers)
), past AS (
    SELECT * FROM analytics.kpis(from_time - (to_time - from_time), from_time, services, environments, agents, tiers)
)
SELECT v.kpi, v.value, v.before, (v.value - v.before) / nullif(v.before, 0), v.target, v.met
FROM present n
CROSS JOIN past b
CROSS JOIN LATERAL (
    VALUES
        (1, 'turns', n.turns::float8, b.turns::float8, NULL, NULL::boolean),
        (2, 'users', n.users, b.users, NULL, NULL),
        (3, 'sessions', n.sessions, b.sessions, NULL, NULL),
        (4, 'turns_per_session', n.turns_per_session, b.turns_per_session, NULL, NULL),
        (5, 'success_ratio', n.success_ratio, b.success_ratio, '> 0.95', n.success_ratio > 0.95),
        (6, 'error_ratio', n.error_ratio, b.error_ratio, '< 0.05', n.error_ratio < 0.05),
        (7, 'p50_seconds', n.p50_seconds, b.p50_seconds, '< 8', n.p50_seconds < 8),
        (8, 'p95_seconds', n.p95_seconds, b.p95_seconds, '< 15', n.p95_seconds < 15),
        (9, 'cost_usd', n.cost_usd, b.cost_usd, NULL, NULL),
        (10, 'cost_per_turn', n.cost_per_turn, b.cost_per_turn, NULL, NULL),
        (11, 'tool_success_ratio', n.tool_success_ratio, b.tool_success_ratio, '> 0.95', n.tool_success_ratio > 0.95),
        (12, 'satisfaction', n.satisfaction, b.satisfaction, '> 0.8', n.satisfaction > 0.8)
) v (number, kpi, value, before, target, met)
ORDER BY v.number
$$;
COMMENT ON FUNCTION analytics.kpi_changes IS
    'A report''s table: each number in the range, in the range of the same length before it, its relative change, the target and whether it is met (NULL: no target, or nothing to judge).';

CREATE FUNCTION analytics.usage(
    bucket interval DEFAULT '1 hour',
    from_time timestamptz DEFAULT now() - interval '24 hours', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (
    "time" timestamptz, service text, environment text, agent text, tier text, feature text, turns bigint,
    errors bigint, positive bigint, negative bigint, latency_seconds double precision, cost_usd numeric,
    input_tokens bigint, output_tokens bigint, model_calls bigint, tool_calls bigint, tool_errors bigint
)
LANGUAGE sql STABLE AS $$
SELECT date_bin(bucket, c.started_at, '2001-01-01Z'), c.service, c.environment, c.agent, c.tier, c.feature, count(*),
    count(*) FILTER (WHERE c.status = 'error'), count(*) FILTER (WHERE c.rating = 'positive'),
    count(*) FILTER (WHERE c.rating = 'negative'), sum(c.latency_us)::float8 / 1e6, sum(c.cost_usd),
    sum(c.input_tokens)::bigint, sum(c.output_tokens)::bigint, sum(c.model_calls), sum(c.tool_calls),
    sum(c.tool_errors)
FROM audit.turns c
WHERE c.started_at >= from_time AND c.started_at < to_time
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, usage.agents) AND analytics.chosen(c.tier, tiers)
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1, 2, 3, 4, 5, 6
$$;
COMMENT ON FUNCTION analytics.usage IS
    'Sums over time by service, environment, agent, tier and feature. They add up: sum what you need and divide the sums.';
