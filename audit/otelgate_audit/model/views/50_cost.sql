-- Cost: of turns as the gateway priced them; calls without a price count as nothing
-- (audit.turns.unpriced_calls says how many).

CREATE FUNCTION analytics.cost_over_time(
    bucket interval DEFAULT '1 day',
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (
    "time" timestamptz, turns bigint, cost_usd numeric, cost_per_turn numeric, turns_per_dollar numeric
)
LANGUAGE sql STABLE AS $$
SELECT date_bin(bucket, c.started_at, '2001-01-01Z'), count(*), sum(c.cost_usd), sum(c.cost_usd) / count(*),
    count(*) / nullif(sum(c.cost_usd), 0)
FROM audit.turns c
WHERE c.started_at >= from_time AND c.started_at < to_time
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, agents) AND analytics.chosen(c.tier, tiers)
GROUP BY 1
ORDER BY 1
$$;
COMMENT ON FUNCTION analytics.cost_over_time IS
    'Cost in USD over time, by turn, and turns that a dollar buys (NULL where nothing was spent).';

CREATE FUNCTION analytics.cost_by(
    dimension text DEFAULT 'agent',
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (
    label text, turns bigint, cost_usd numeric, cost_per_turn numeric, ratio double precision
)
LANGUAGE sql STABLE AS $$
SELECT label, count(*), sum(cost_usd), sum(cost_usd) / count(*),
    (sum(cost_usd) / nullif(sum(sum(cost_usd)) OVER (), 0))::float8
FROM (
    SELECT coalesce(
        CASE dimension
            WHEN 'agent' THEN c.agent WHEN 'feature' THEN c.feature WHEN 'user' THEN c.user_id WHEN 'tier' THEN c.tier
            WHEN 'service' THEN c.service WHEN 'environment' THEN c.environment
        END, '(none)') AS label, c.cost_usd
    FROM audit.turns c
    WHERE analytics.expect('dimension', dimension, 'agent', 'environment', 'feature', 'service', 'tier', 'user')
        AND c.started_at >= from_time AND c.started_at < to_time
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
) spent
GROUP BY label
ORDER BY 3 DESC, 1
$$;
COMMENT ON FUNCTION analytics.cost_by IS
    'Cost by agent, environment, feature, service, tier or user; the rows sum to the total. Unlabelled ones are "(none)".';

CREATE FUNCTION analytics.cost_by_tool(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL
) RETURNS TABLE (tool text, calls bigint, turns bigint, cost_usd numeric, cost_per_call numeric)
LANGUAGE sql STABLE AS $$
WITH spent AS (
    SELECT c.trace_id, c.cost_usd, c.tool_calls
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
        AND analytics.chosen(c.agent, agents)
), used AS (
    SELECT t.trace_id, t.tool, count(*) AS calls
    FROM audit.tool_calls t
    WHERE t.start_time >= from_time - interval '1 hour' AND t.start_time < to_time + interval '1 day'
        AND t.duplicate_of IS NULL
    GROUP BY 1, 2
), tools AS (
    SELECT u.tool, sum(u.calls)::bigint AS calls, count(*) AS turns,
        round(sum(s.cost_usd * u.calls / s.tool_calls), 12) AS cost_usd
    FROM used u
    JOIN spent s USING (trace_id)
    WHERE s.tool_calls > 0
    GROUP BY 1
), whole AS (
    -- The cost without a tool, so that the rows sum to the total.
    SELECT '(none)', 0, count(*) FILTER (WHERE s.tool_calls = 0),
        sum(s.cost_usd) - coalesce((SELECT sum(t.cost_usd) FROM tools t), 0)
    FROM spent s
    HAVING count(*) > 0
)
SELECT e.tool, e.calls, e.turns, e.cost_usd, round(e.cost_usd / nullif(e.calls, 0), 12)
FROM (SELECT * FROM tools UNION ALL SELECT * FROM whole) e
ORDER BY 4 DESC, 1
$$;
COMMENT ON FUNCTION analytics.cost_by_tool IS
    'Each turn''s cost, shared out evenly over its tool calls; "(none)" is that of turns without any. The rows sum to the total.';

CREATE FUNCTION analytics.cost_by_model(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL
) RETURNS TABLE (
    provider text, model text, calls bigint, errors bigint, input_tokens bigint, output_tokens bigint, cost_usd numeric,
    cost_per_call numeric, unpriced bigint
)
LANGUAGE sql STABLE AS $$
SELECT m.provider, coalesce(m.response_model, m.request_model, '(none)'), count(*),
    count(*) FILTER (WHERE m.status = 'error'), sum(m.input_tokens)::bigint, sum(m.output_tokens)::bigint,
    coalesce(sum(m.cost_usd), 0), sum(m.cost_usd) / nullif(count(m.cost_usd), 0), count(*) FILTER (
        WHERE m.cost_usd IS NULL
        AND NOT (m.status = 'error' AND coalesce(m.input_tokens, 0) = 0 AND coalesce(m.output_tokens, 0) = 0)
    )
FROM audit.model_calls m
WHERE m.start_time >= from_time AND m.start_time < to_time AND m.duplicate_of IS NULL
    AND analytics.chosen(m.service, services) AND analytics.chosen(m.environment, environments)
    AND analytics.chosen(m.agent, agents)
GROUP BY 1, 2
ORDER BY 7 DESC, 2
$$;
COMMENT ON FUNCTION analytics.cost_by_model IS
    'Cost, tokens and calls by the model that answered. Calls without a price are in `unpriced` and cost nothing; a call that failed without tokens is none of them.';

CREATE FUNCTION analytics.expensive_turns(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL, top integer DEFAULT 20
) RETURNS TABLE (
    trace_id text, started_at timestamptz, service text, environment text, agent text, tier text, user_id text,
    cost_usd numeric, model_calls integer, tool_calls integer, input_tokens bigint, output_tokens bigint,
    models text[], latency_seconds double precision
)
LANGUAGE sql STABLE AS $$
SELECT c.trace_id, c.started_at, c.service, c.environment, c.agent, c.tier, c.user_id, c.cost_usd, c.model_calls,
    c.tool_calls, c.input_tokens, c.output_tokens, c.models, c.latency_us / 1e6
FROM audit.turns c
WHERE c.started_at >= from_time AND c.started_at < to_time
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, agents) AND analytics.chosen(c.tier, tiers)
ORDER BY c.cost_usd DESC, c.started_at
LIMIT top
$$;
COMMENT ON FUNCTION analytics.expensive_turns IS 'The turns that cost most.';

CREATE VIEW analytics.projected_cost AS
WITH week AS (
    SELECT c.service, c.environment, count(*) AS turns, sum(c.cost_usd) AS cost_usd, min(c.started_at) AS first
    FROM audit.turns c
    WHERE c.started_at >= now() - interval '7 days'
    GROUP BY 1, 2
), measured AS (
    -- A service that is younger than a week is measured since it began, but for a day at least.
    SELECT w.*, CASE
        WHEN EXISTS (
            SELECT FROM audit.users u WHERE u.service = w.service AND u.first_seen < now() - interval '7 days'
        ) THEN 7
        ELSE greatest(1, extract(epoch FROM now() - w.first) / 86400)
    END AS days
    FROM week w
)
SELECT m.service, m.environment, m.turns, m.cost_usd AS cost_7d_usd, m.cost_usd / m.days AS cost_per_day_usd,
    m.cost_usd / m.days * 30 AS projected_month_usd
FROM measured m;
COMMENT ON VIEW analytics.projected_cost IS
    'The cost of 30 days at the rate of the last 7. A service whose first user came less than 7 days ago is measured since its first turn.';
