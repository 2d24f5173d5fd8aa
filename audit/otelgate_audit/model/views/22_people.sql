-- Users: one by one, and in segments.

CREATE FUNCTION analytics.user_summary(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL, users text[] DEFAULT NULL, sort text DEFAULT 'last_seen', top integer DEFAULT 100
) RETURNS TABLE (
    service text, user_id text, tier text, sessions bigint, turns bigint, errors bigint,
    mean_seconds double precision, cost_usd numeric, positive bigint, negative bigint, satisfaction double precision,
    first_seen timestamptz, last_seen timestamptz
)
LANGUAGE sql STABLE AS $$
WITH sums AS (
    SELECT c.service, c.user_id, count(*) AS turns, count(*) FILTER (WHERE c.status = 'error') AS errors,
        avg(c.latency_us) AS latency, sum(c.cost_usd) AS cost_usd,
        count(*) FILTER (WHERE c.rating = 'positive') AS positive,
        count(*) FILTER (WHERE c.rating = 'negative') AS negative, max(c.started_at) AS last
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time AND c.user_id IS NOT NULL
        AND analytics.expect('sort', sort, 'activity', 'cost', 'last_seen')
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
        AND analytics.chosen(c.agent, user_summary.agents) AND analytics.chosen(c.tier, tiers)
        AND analytics.chosen(c.user_id, users)
    GROUP BY 1, 2
    ORDER BY CASE sort WHEN 'activity' THEN count(*) WHEN 'cost' THEN sum(c.cost_usd) END DESC,
        max(c.started_at) DESC, 1, 2
    LIMIT top
)
SELECT s.service, s.user_id, u.tier, n.sessions, s.turns, s.errors, (s.latency / 1e6)::float8, s.cost_usd,
    s.positive, s.negative, s.positive::float8 / nullif(s.positive + s.negative, 0), u.first_seen, s.last
FROM sums s
LEFT JOIN audit.users u ON u.service = s.service AND u.user_id = s.user_id
CROSS JOIN LATERAL (
    SELECT count(DISTINCT c.session_id) AS sessions
    FROM audit.turns c
    WHERE c.service = s.service AND c.user_id = s.user_id AND c.started_at >= from_time AND c.started_at < to_time
        AND analytics.chosen(c.environment, environments) AND analytics.chosen(c.agent, user_summary.agents)
        AND analytics.chosen(c.tier, tiers)
) n
ORDER BY CASE sort WHEN 'activity' THEN s.turns WHEN 'cost' THEN s.cost_usd END DESC, s.last DESC, 1, 2
$$;
COMMENT ON FUNCTION analytics.user_summary IS
    'Users with a turn in the range: sessions, turns, mean latency, cost, votes. sort: activity, cost or last_seen. tier and first_seen are from audit.users, so the tier is today''s.';

CREATE FUNCTION analytics.top_users(
    by_what text DEFAULT 'activity',
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, tiers text[] DEFAULT NULL, top integer DEFAULT 10
) RETURNS TABLE (
    service text, user_id text, tier text, turns bigint, sessions bigint, cost_usd numeric,
    cost_per_turn numeric, last_seen timestamptz
)
LANGUAGE sql STABLE AS $$
SELECT s.service, s.user_id, s.tier, s.turns, s.sessions, s.cost_usd, s.cost_usd / s.turns, s.last_seen
FROM analytics.user_summary(
    from_time, to_time, services, environments, tiers => tiers, sort => by_what, top => top_users.top
) s
$$;
COMMENT ON FUNCTION analytics.top_users IS 'The users with most turns (by_what: activity) or highest cost (cost).';

CREATE FUNCTION analytics.quiet_users(
    fewer_than integer DEFAULT 5,
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, tiers text[] DEFAULT NULL, top integer DEFAULT 100
) RETURNS TABLE (
    service text, user_id text, tier text, turns bigint, last_seen timestamptz, quiet_users bigint
)
LANGUAGE sql STABLE AS $$
SELECT u.service, u.user_id, u.tier, coalesce(n.turns, 0), u.last_seen, count(*) OVER ()
FROM audit.users u
LEFT JOIN (
    SELECT c.service, c.user_id, count(*) AS turns
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time AND c.user_id IS NOT NULL
    GROUP BY 1, 2
) n ON n.service = u.service AND n.user_id = u.user_id
WHERE u.first_seen < from_time AND coalesce(n.turns, 0) < fewer_than
    AND analytics.chosen(u.service, services) AND analytics.chosen(u.tier, tiers)
ORDER BY u.last_seen DESC, u.service, u.user_id
LIMIT top
$$;
COMMENT ON FUNCTION analytics.quiet_users IS
    'Users to win back: known before the range who asked fewer than 5 times in it (7 days), lately seen first. quiet_users, the same in every row, is how many they are in all.';

CREATE VIEW analytics.user_segments AS
SELECT u.service, u.user_id, u.tier,
    CASE
        WHEN u.last_seen < now() - interval '30 days' THEN 'lost'
        WHEN u.last_seen < now() - interval '7 days' THEN 'dormant'
        WHEN u.first_seen >= now() - interval '7 days' THEN 'new'
        WHEN n.week >= 35 THEN 'power'
        WHEN n.week >= 5 THEN 'regular'
        ELSE 'casual'
    END AS segment,
    coalesce(n.week, 0) AS turns_7d, coalesce(n.cost_usd, 0) AS cost_7d_usd, u.first_seen, u.last_seen
FROM audit.users u
LEFT JOIN (
    SELECT c.service, c.user_id, count(*) AS week, sum(c.cost_usd) AS cost_usd
    FROM audit.turns c
    WHERE c.started_at >= now() - interval '7 days' AND c.user_id IS NOT NULL
    GROUP BY 1, 2
) n ON n.service = u.service AND n.user_id = u.user_id;
COMMENT ON VIEW analytics.user_segments IS
    'Each user''s segment: lost (not seen for 30 days), dormant (7 days), new (first seen in the last 7 days), then by turns in the last 7 days: power (35 or more), regular (5 or more), casual.';

CREATE VIEW analytics.segments AS
SELECT s.service, coalesce(s.tier, '(none)') AS tier, s.segment, count(*) AS users,
    sum(s.turns_7d)::bigint AS turns_7d, sum(s.cost_7d_usd) AS cost_7d_usd
FROM analytics.user_segments s
GROUP BY 1, 2, 3;
COMMENT ON VIEW analytics.segments IS 'How many users each segment has, by service and tier, and what they asked and cost in 7 days.';
