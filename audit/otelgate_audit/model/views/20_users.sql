-- Users: how many there are, and how many come.

CREATE FUNCTION analytics.active_users(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, tiers text[] DEFAULT NULL
) RETURNS TABLE (day date, dau bigint, wau bigint, mau bigint, stickiness double precision)
LANGUAGE sql STABLE AS $$
WITH spans AS (
    -- A user seen on a day counts in the window until it ends, or until the next day on which they are seen. Several
    -- environments or tiers on a day are several rows: only the last of them counts.
    SELECT d.day, lead(d.day) OVER (PARTITION BY d.service, d.user_id ORDER BY d.day) AS next
    FROM audit.user_days d
    WHERE d.day >= analytics.utc_day(from_time) - 29 AND d.day < analytics.utc_day(to_time - interval '1 microsecond') + 1
        AND analytics.chosen(d.service, services) AND analytics.chosen(d.environment, environments)
        AND analytics.chosen(d.tier, tiers)
), counted AS (
    SELECT s.day, coalesce(s.next, 'infinity') AS next, count(*) AS users
    FROM spans s
    WHERE s.next IS DISTINCT FROM s.day
    GROUP BY 1, 2
), result AS (
    SELECT shown.day AS day,
        coalesce(sum(users) FILTER (WHERE c.day = shown.day), 0)::bigint AS dau,
        coalesce(sum(users) FILTER (WHERE shown.day < least(next, c.day + 7)), 0)::bigint AS wau,
        coalesce(sum(users) FILTER (WHERE shown.day < least(next, c.day + 30)), 0)::bigint AS mau
    FROM analytics.days(from_time, to_time) shown
    LEFT JOIN counted c ON c.day <= shown.day
    GROUP BY 1
)
SELECT day, dau, wau, mau, dau::float8 / nullif(mau, 0) FROM result ORDER BY day
$$;
COMMENT ON FUNCTION analytics.active_users IS
    'Users with a turn or a product event on each day (dau), in the 7 days (wau) and 30 days (mau) that end with it. Stickiness is dau/mau. The last day may not be over.';

CREATE FUNCTION analytics.active_now(
    within interval DEFAULT '5 minutes', services text[] DEFAULT NULL, environments text[] DEFAULT NULL,
    agents text[] DEFAULT NULL
) RETURNS TABLE (users bigint, sessions bigint, turns bigint)
LANGUAGE sql STABLE AS $$
SELECT count(DISTINCT (c.service, c.user_id)) FILTER (WHERE c.user_id IS NOT NULL),
    count(DISTINCT (c.service, c.session_id)) FILTER (WHERE c.session_id IS NOT NULL), count(*)
FROM audit.turns c
WHERE c.started_at >= now() - within
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, agents)
$$;
COMMENT ON FUNCTION analytics.active_now IS 'Users and sessions with a turn in the last 5 minutes.';

CREATE FUNCTION analytics.new_users(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, tiers text[] DEFAULT NULL
) RETURNS TABLE (day date, new_users bigint)
LANGUAGE sql STABLE AS $$
SELECT shown.day, coalesce(n.users, 0)
FROM analytics.days(from_time, to_time) shown
LEFT JOIN (
    SELECT analytics.utc_day(u.first_seen) AS day, count(*) AS users
    FROM audit.users u
    WHERE u.first_seen >= from_time AND u.first_seen < to_time
        AND analytics.chosen(u.service, services) AND analytics.chosen(u.tier, tiers)
    GROUP BY 1
) n ON n.day = shown.day
ORDER BY 1
$$;
COMMENT ON FUNCTION analytics.new_users IS
    'Users seen for the first time, by day, signed up or not. The tier is the one that they have now.';

CREATE FUNCTION analytics.signups(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (day date, signups bigint)
LANGUAGE sql STABLE AS $$
SELECT shown.day, coalesce(n.users, 0)
FROM analytics.days(from_time, to_time) shown
LEFT JOIN (
    -- A user who signs up twice counts once, on the first day.
    SELECT day, count(*) AS users
    FROM (
        SELECT analytics.utc_day(min(e.start_time)) AS day
        FROM audit.events e
        WHERE e.name = 'user.signup' AND e.start_time >= from_time AND e.start_time < to_time
            AND analytics.chosen(e.service, services) AND analytics.chosen(e.environment, environments)
        GROUP BY e.service, coalesce(e.user_id, e.uid)
    ) firsts
    GROUP BY 1
) n ON n.day = shown.day
ORDER BY 1
$$;
COMMENT ON FUNCTION analytics.signups IS
    'Users with a `user.signup` event, by day. For the last 24 hours: SELECT sum(signups) FROM analytics.signups(now() - interval ''24 hours'').';

CREATE FUNCTION analytics.acquisition(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (
    source text, signups bigint, asked bigint, asked_ratio double precision, upgraded bigint,
    upgraded_ratio double precision
)
LANGUAGE sql STABLE AS $$
WITH signed AS (
    SELECT DISTINCT ON (e.service, e.user_id) e.service, e.user_id, e.start_time,
        coalesce(e.attributes ->> 'source', '(none)') AS source
    FROM audit.events e
    WHERE e.name = 'user.signup' AND e.user_id IS NOT NULL AND e.start_time >= from_time AND e.start_time < to_time
        AND analytics.chosen(e.service, services) AND analytics.chosen(e.environment, environments)
    ORDER BY e.service, e.user_id, e.start_time
), upgraded AS (
    SELECT e.service, e.user_id, max(e.start_time) AS time
    FROM audit.events e
    WHERE e.name = 'subscription.upgraded' AND e.start_time >= from_time AND e.user_id IS NOT NULL
    GROUP BY 1, 2
)
SELECT s.source, count(*), count(u.user_id), count(u.user_id)::float8 / count(*),
    count(p.user_id), count(p.user_id)::float8 / count(*)
FROM signed s
LEFT JOIN audit.users u ON u.service = s.service AND u.user_id = s.user_id AND u.turns > 0
LEFT JOIN upgraded p ON p.service = s.service AND p.user_id = s.user_id AND p.time >= s.start_time
GROUP BY 1
ORDER BY 2 DESC, 1
$$;
COMMENT ON FUNCTION analytics.acquisition IS
    'Signups of the range by source (attribute `source` of `user.signup`), how many of these users have asked anything and how many upgraded since.';
