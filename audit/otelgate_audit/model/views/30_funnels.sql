-- Behaviour: sequences of user actions. A step is the name of a product event, as `quota.hit`, or one of `turn`,
-- `first_turn` (the user's first turn) and `tool_call`; with one attribute in braces where that matters, as
-- `reservation{status=completed}`, `command.used{command=/analyze}`, `tool_call{tool=search}`, `turn{agent=x}`.

CREATE FUNCTION analytics.occurrences(
    step text, from_time timestamptz, to_time timestamptz, services text[] DEFAULT NULL,
    environments text[] DEFAULT NULL
) RETURNS TABLE (service text, user_id text, "time" timestamptz)
LANGUAGE sql STABLE AS $$
SELECT e.service, e.user_id, e.start_time
FROM audit.events e
WHERE e.name = split_part(step, '{', 1) AND e.start_time >= from_time AND e.start_time < to_time
    AND split_part(step, '{', 1) NOT IN ('turn', 'first_turn', 'tool_call')
    AND (step NOT LIKE '%{%' OR e.attributes ->> substring(step FROM '{([^=]+)=') = substring(step FROM '=(.*)}$'))
    AND e.user_id IS NOT NULL
    AND analytics.chosen(e.service, services) AND analytics.chosen(e.environment, environments)
UNION ALL
SELECT c.service, c.user_id, c.started_at
FROM audit.turns c
WHERE split_part(step, '{', 1) = 'turn' AND c.started_at >= from_time AND c.started_at < to_time
    AND CASE substring(step FROM '{([^=]+)=')
        WHEN 'agent' THEN c.agent WHEN 'feature' THEN c.feature WHEN 'status' THEN c.status WHEN 'tier' THEN c.tier
        ELSE ''
    END IS NOT DISTINCT FROM coalesce(substring(step FROM '=(.*)}$'), '')
    AND c.user_id IS NOT NULL
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
UNION ALL
SELECT u.service, u.user_id, first.started_at
FROM audit.users u
CROSS JOIN LATERAL (
    SELECT c.started_at
    FROM audit.turns c
    WHERE c.service = u.service AND c.user_id = u.user_id AND analytics.chosen(c.environment, environments)
    ORDER BY c.started_at
    LIMIT 1
) first
WHERE step = 'first_turn' AND u.last_seen >= from_time AND u.first_seen < to_time
    AND first.started_at >= from_time AND first.started_at < to_time
    AND analytics.chosen(u.service, services)
UNION ALL
SELECT t.service, t.user_id, t.start_time
FROM audit.tool_calls t
WHERE split_part(step, '{', 1) = 'tool_call' AND t.start_time >= from_time AND t.start_time < to_time
    AND CASE substring(step FROM '{([^=]+)=') WHEN 'tool' THEN t.tool WHEN 'status' THEN t.status ELSE '' END
        IS NOT DISTINCT FROM coalesce(substring(step FROM '=(.*)}$'), '')
    AND t.user_id IS NOT NULL AND t.duplicate_of IS NULL
    AND analytics.chosen(t.service, services) AND analytics.chosen(t.environment, environments)
$$;
COMMENT ON FUNCTION analytics.occurrences IS
    'Each time that a user took a step of a funnel. The head of 30_funnels.sql lists the steps.';

CREATE FUNCTION analytics.funnel(
    services text[] DEFAULT NULL,
    events text[] DEFAULT ARRAY['user.signup', 'first_turn', 'quota.hit', 'subscription.upgraded'],
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    environments text[] DEFAULT NULL
) RETURNS TABLE (
    step integer, event text, users bigint, of_first double precision, of_previous double precision,
    median_seconds double precision
)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    who text[];       -- those who took the step before, as service and id
    at timestamptz[]; -- when they took it
    waits double precision;
    first bigint;
    previous bigint;
BEGIN
    FOR number IN 1 .. cardinality(events) LOOP
        SELECT array_agg(taken.who), array_agg(taken.time),
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM taken.time - taken.before))
        INTO who, at, waits
        FROM (
            SELECT o.service || E'\x1f' || o.user_id AS who, min(o.time) AS time, min(b.time) AS before
            FROM analytics.occurrences(events[number], from_time, to_time, services, environments) o
            LEFT JOIN unnest(who, at) b (who, time) ON b.who = o.service || E'\x1f' || o.user_id
            WHERE number = 1 OR o.time >= b.time
            GROUP BY 1
        ) taken;
        step := number;
        event := events[number];
        users := coalesce(cardinality(who), 0);
        first := coalesce(first, users);
        of_first := users::float8 / nullif(first, 0);
        of_previous := CASE WHEN number = 1 THEN 1 ELSE users::float8 / nullif(previous, 0) END;
        median_seconds := waits;
        previous := users;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION analytics.funnel IS
    'Distinct users who took the steps in this order within the range, each step at or after the one before. of_first and of_previous are shares from 0 to 1; median_seconds is the time since the step before.';

CREATE FUNCTION analytics.conversion(
    step text DEFAULT 'quota.hit', goal text DEFAULT 'subscription.upgraded',
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (
    step_users bigint, goal_users bigint, user_ratio double precision, step_events bigint, goal_events bigint,
    event_ratio double precision
)
LANGUAGE sql STABLE AS $$
WITH steps AS MATERIALIZED (
    SELECT o.service, o.user_id, min(o.time) AS first, count(*) AS events
    FROM analytics.occurrences(step, from_time, to_time, services, environments) o
    GROUP BY 1, 2
), goals AS MATERIALIZED (
    SELECT o.service, o.user_id, max(o.time) AS last, count(*) AS events
    FROM analytics.occurrences(goal, from_time, to_time, services, environments) o
    GROUP BY 1, 2
), sums AS (
    SELECT (SELECT count(*) FROM steps) AS step_users,
        (SELECT count(*) FROM steps s JOIN goals g USING (service, user_id) WHERE g.last >= s.first) AS goal_users,
        (SELECT sum(events) FROM steps)::bigint AS step_events,
        (SELECT sum(events) FROM goals)::bigint AS goal_events
)
SELECT step_users, goal_users, goal_users::float8 / nullif(step_users, 0), coalesce(step_events, 0),
    coalesce(goal_events, 0), coalesce(goal_events, 0)::float8 / nullif(step_events, 0)
FROM sums
$$;
COMMENT ON FUNCTION analytics.conversion IS
    'How many of the users who took the step reached the goal at or after it (user_ratio: the conversion), and goals per step regardless of the user (event_ratio). Limit to upgrade is the default; search to reservation: conversion(''property.search'', ''reservation{status=completed}''); chat to reservation: step ''session.start''.';

CREATE FUNCTION analytics.journeys(
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (step text, next_step text, times bigint, users bigint, ratio double precision)
LANGUAGE sql STABLE AS $$
WITH happened AS (
    SELECT e.service, e.session_id, e.user_id, e.start_time AS time, e.name AS step
    FROM audit.events e
    WHERE e.start_time >= from_time AND e.start_time < to_time AND e.session_id IS NOT NULL
        AND analytics.chosen(e.service, services) AND analytics.chosen(e.environment, environments)
    UNION ALL
    SELECT c.service, c.session_id, c.user_id, c.started_at, 'turn'
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time AND c.session_id IS NOT NULL
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
), pairs AS (
    SELECT h.service, h.user_id, h.step,
        lead(h.step) OVER (PARTITION BY h.service, h.session_id ORDER BY h.time, h.step) AS next_step
    FROM happened h
), counted AS (
    SELECT p.service, p.user_id, p.step, p.next_step, count(*) AS times FROM pairs p GROUP BY 1, 2, 3, 4
)
SELECT c.step, c.next_step, sum(c.times)::bigint, count(*) FILTER (WHERE c.user_id IS NOT NULL),
    (sum(c.times) / sum(sum(c.times)) OVER (PARTITION BY c.step))::float8
FROM counted c
GROUP BY c.step, c.next_step
ORDER BY 3 DESC, 1, 2 NULLS FIRST
$$;
COMMENT ON FUNCTION analytics.journeys IS
    'Within a session: how often each step was followed by each next one, and what share of that step''s times that was. Where next_step is NULL the session ended: drop-off.';
