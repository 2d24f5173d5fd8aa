-- Behaviour: sessions, how long, how many agents, how many at once.

CREATE FUNCTION analytics.sessions(
    bucket interval DEFAULT '1 day',
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, tiers text[] DEFAULT NULL
) RETURNS TABLE (
    "time" timestamptz, sessions bigint, turns bigint, turns_per_session double precision
)
LANGUAGE sql STABLE AS $$
SELECT p.time, count(*), sum(p.turns)::bigint, (sum(p.turns) / count(*))::float8
FROM (
    SELECT date_bin(bucket, c.started_at, '2001-01-01Z') AS time, count(*) AS turns
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time AND c.session_id IS NOT NULL
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
        AND analytics.chosen(c.tier, tiers)
    GROUP BY 1, c.service, c.session_id
) p
GROUP BY 1
ORDER BY 1
$$;
COMMENT ON FUNCTION analytics.sessions IS
    'Sessions with a turn in each bucket, and turns per session. A session over midnight counts on both days.';

CREATE FUNCTION analytics.multi_agent_sessions(
    more_than integer DEFAULT 2,
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, tiers text[] DEFAULT NULL, top integer DEFAULT 100
) RETURNS TABLE (
    service text, session_id text, user_id text, tier text, first_seen timestamptz, last_seen timestamptz,
    turns bigint, agents text[]
)
LANGUAGE sql STABLE AS $$
SELECT s.service, s.session_id, s.user_id, s.tier, s.first_seen, s.last_seen, s.turns, s.agents
FROM audit.sessions s
WHERE s.last_seen >= from_time AND s.last_seen < to_time AND cardinality(s.agents) > more_than
    AND analytics.chosen(s.service, services) AND analytics.chosen(s.tier, tiers)
ORDER BY s.last_seen DESC, s.session_id
LIMIT top
$$;
COMMENT ON FUNCTION analytics.multi_agent_sessions IS 'The newest sessions in which more than 2 agents took part.';

CREATE FUNCTION analytics.returning_users(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, tiers text[] DEFAULT NULL
) RETURNS TABLE (users bigint, returning_users bigint, ratio double precision)
LANGUAGE sql STABLE AS $$
SELECT count(*), count(*) FILTER (WHERE p.sessions > 1), count(*) FILTER (WHERE p.sessions > 1)::float8 / nullif(count(*), 0)
FROM (
    SELECT count(*) AS sessions
    FROM (
        SELECT DISTINCT c.service, c.user_id, c.session_id
        FROM audit.turns c
        WHERE c.started_at >= from_time AND c.started_at < to_time
            AND c.user_id IS NOT NULL AND c.session_id IS NOT NULL
            AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
            AND analytics.chosen(c.tier, tiers)
    ) each
    GROUP BY service, user_id
) p
$$;
COMMENT ON FUNCTION analytics.returning_users IS 'Users with a session in the range, and those with two or more.';

CREATE FUNCTION analytics.peak_sessions(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (day date, peak_sessions bigint, at timestamptz)
LANGUAGE sql STABLE AS $$
SELECT DISTINCT ON (1) analytics.utc_day(w.time), w.sessions, w.time
FROM (
    SELECT e.time, count(*) AS sessions
    FROM (
        SELECT DISTINCT date_bin('5 minutes', c.started_at, '2001-01-01Z') AS time, c.service, c.session_id
        FROM audit.turns c
        WHERE c.started_at >= from_time AND c.started_at < to_time AND c.session_id IS NOT NULL
            AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    ) e
    GROUP BY 1
) w
ORDER BY 1, 2 DESC, 3
$$;
COMMENT ON FUNCTION analytics.peak_sessions IS
    'The most sessions with a turn in the same five minutes, for each day, and when that was.';
