-- Agents and tools: how often they run, fail and please.

CREATE FUNCTION analytics.agents(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (
    service text, agent text, runs bigint, share double precision, errors bigint, error_ratio double precision,
    p50_seconds double precision, p95_seconds double precision, positive bigint, negative bigint,
    satisfaction double precision
)
LANGUAGE sql STABLE AS $$
WITH ran AS MATERIALIZED (
    SELECT r.service, r.agent, r.trace_id, r.status, r.duration_us
    FROM audit.runs r
    WHERE r.start_time >= from_time AND r.start_time < to_time
        AND r.operation = 'invoke_agent' AND r.duplicate_of IS NULL
        AND analytics.chosen(r.service, services) AND analytics.chosen(r.environment, environments)
        AND analytics.chosen(r.agent, agents.agents) AND analytics.chosen(r.tier, tiers)
), rated AS (
    SELECT c.trace_id, c.rating
    FROM audit.turns c
    WHERE c.started_at >= from_time - interval '1 day' AND c.started_at < to_time AND c.rating IS NOT NULL
), votes AS (
    SELECT v.service, v.agent, count(*) FILTER (WHERE v.rating = 'positive') AS positive,
        count(*) FILTER (WHERE v.rating = 'negative') AS negative
    FROM (SELECT DISTINCT r.service, r.agent, r.trace_id, c.rating FROM ran r JOIN rated c USING (trace_id)) v
    GROUP BY 1, 2
), sums AS (
    SELECT r.service, r.agent, count(*) AS runs, count(*) FILTER (WHERE r.status = 'error') AS errors,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY r.duration_us) AS durations
    FROM ran r
    GROUP BY 1, 2
)
SELECT s.service, coalesce(s.agent, '(none)'), s.runs, (s.runs / sum(s.runs) OVER ())::float8, s.errors,
    s.errors::float8 / s.runs, s.durations[1] / 1e6, s.durations[2] / 1e6, coalesce(v.positive, 0),
    coalesce(v.negative, 0), v.positive::float8 / nullif(v.positive + v.negative, 0)
FROM sums s
LEFT JOIN votes v ON v.service = s.service AND v.agent IS NOT DISTINCT FROM s.agent
ORDER BY 3 DESC, 1, 2
$$;
COMMENT ON FUNCTION analytics.agents IS
    'Each agent''s runs (a router and the agents that it hands on to each run once), errors, durations, and how the turns in which it ran were rated. The 5 slowest: ORDER BY p95_seconds DESC LIMIT 5.';

CREATE FUNCTION analytics.tools(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (
    tool text, calls bigint, share double precision, users bigint, turns bigint, errors bigint,
    success_ratio double precision, p50_ms double precision, p95_ms double precision, positive bigint, negative bigint,
    satisfaction double precision, slow boolean, failing boolean, disliked boolean
)
LANGUAGE sql STABLE AS $$
WITH used AS MATERIALIZED (
    SELECT t.tool, t.trace_id, t.status, t.duration_us, t.service, t.user_id
    FROM audit.tool_calls t
    WHERE t.start_time >= from_time AND t.start_time < to_time AND t.duplicate_of IS NULL
        AND analytics.chosen(t.service, services) AND analytics.chosen(t.environment, environments)
        AND analytics.chosen(t.agent, tools.agents) AND analytics.chosen(t.tier, tiers)
), rated AS (
    SELECT c.trace_id, c.rating
    FROM audit.turns c
    WHERE c.started_at >= from_time - interval '1 day' AND c.started_at < to_time AND c.rating IS NOT NULL
), people AS (
    SELECT p.tool, count(*) AS users
    FROM (SELECT DISTINCT u.tool, u.service, u.user_id FROM used u WHERE u.user_id IS NOT NULL) p
    GROUP BY 1
), talks AS (
    SELECT d.tool, count(*) AS turns, count(*) FILTER (WHERE d.rating = 'positive') AS positive,
        count(*) FILTER (WHERE d.rating = 'negative') AS negative
    FROM (
        SELECT DISTINCT u.tool, u.trace_id, r.rating FROM used u LEFT JOIN rated r USING (trace_id)
    ) d
    GROUP BY 1
), sums AS (
    SELECT u.tool, count(*) AS calls, count(*) FILTER (WHERE u.status = 'error') AS errors,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY u.duration_us) AS durations
    FROM used u
    GROUP BY 1
)
SELECT s.tool, s.calls, (s.calls / sum(s.calls) OVER ())::float8, coalesce(p.users, 0), t.turns, s.errors,
    1 - s.errors::float8 / s.calls, s.durations[1] / 1e3, s.durations[2] / 1e3, t.positive, t.negative,
    t.positive::float8 / nullif(t.positive + t.negative, 0), s.durations[2] > 2e6, s.errors > 0.05 * s.calls,
    coalesce(t.positive < 0.5 * (t.positive + t.negative), false)
FROM sums s
JOIN talks t USING (tool)
LEFT JOIN people p USING (tool)
ORDER BY 2 DESC, 1
$$;
COMMENT ON FUNCTION analytics.tools IS
    'Tools by popularity. Flags: slow where P95 is over 2000 ms, failing where success is under 95 %, disliked where under half of the votes on turns that used it are positive. The 10 most failing: ORDER BY errors DESC LIMIT 10.';

CREATE FUNCTION analytics.tool_use(
    tools text[] DEFAULT NULL, bucket interval DEFAULT '1 hour',
    from_time timestamptz DEFAULT now() - interval '24 hours', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE ("time" timestamptz, tool text, calls bigint, errors bigint)
LANGUAGE sql STABLE AS $$
SELECT date_bin(bucket, t.start_time, '2001-01-01Z'), t.tool, count(*), count(*) FILTER (WHERE t.status = 'error')
FROM audit.tool_calls t
WHERE t.start_time >= from_time AND t.start_time < to_time AND t.duplicate_of IS NULL
    AND analytics.chosen(t.tool, tools) AND analytics.chosen(t.service, services)
    AND analytics.chosen(t.environment, environments)
GROUP BY 1, 2
ORDER BY 1, 2
$$;
COMMENT ON FUNCTION analytics.tool_use IS
    'Calls of each tool over time. Uses of one in 24 hours: SELECT sum(calls) FROM analytics.tool_use(ARRAY[''analyze_investment'']).';

CREATE FUNCTION analytics.failed_tool_calls(
    from_time timestamptz DEFAULT now() - interval '24 hours', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tools text[] DEFAULT NULL, top integer DEFAULT 50
) RETURNS TABLE (
    "time" timestamptz, trace_id text, service text, environment text, agent text, tier text, user_id text,
    tool text, error_type text, duration_ms double precision
)
LANGUAGE sql STABLE AS $$
SELECT t.start_time, t.trace_id, t.service, t.environment, t.agent, t.tier, t.user_id, t.tool, t.error_type,
    t.duration_us / 1e3
FROM audit.tool_calls t
WHERE t.start_time >= from_time AND t.start_time < to_time AND t.status = 'error' AND t.duplicate_of IS NULL
    AND analytics.chosen(t.service, services) AND analytics.chosen(t.environment, environments)
    AND analytics.chosen(t.agent, agents) AND analytics.chosen(t.tool, tools)
ORDER BY t.start_time DESC, t.span_id
LIMIT top
$$;
COMMENT ON FUNCTION analytics.failed_tool_calls IS
    'The newest failed tool calls. Arguments and error message: content.tool_calls by trace id.';
