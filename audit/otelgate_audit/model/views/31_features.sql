-- Behaviour: usage of features, commands and any product event, and when.

CREATE FUNCTION analytics.feature_adoption(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, tiers text[] DEFAULT NULL
) RETURNS TABLE (feature text, users bigint, adoption double precision, turns bigint, cost_usd numeric)
LANGUAGE sql STABLE AS $$
WITH used AS (
    SELECT c.service, c.user_id, c.feature, count(*) AS turns, sum(c.cost_usd) AS cost_usd
    FROM audit.turns c
    WHERE c.started_at >= from_time AND c.started_at < to_time
        AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
        AND analytics.chosen(c.tier, tiers)
    GROUP BY 1, 2, 3
), everyone AS (
    SELECT count(DISTINCT (u.service, u.user_id)) FILTER (WHERE u.user_id IS NOT NULL) AS users FROM used u
)
SELECT coalesce(u.feature, '(none)'), count(*) FILTER (WHERE u.user_id IS NOT NULL),
    count(*) FILTER (WHERE u.user_id IS NOT NULL)::float8 / nullif(max(e.users), 0), sum(u.turns)::bigint,
    sum(u.cost_usd)
FROM used u
CROSS JOIN everyone e
GROUP BY u.feature
ORDER BY 2 DESC, 1
$$;
COMMENT ON FUNCTION analytics.feature_adoption IS
    'For each feature (otelgate.feature): its users, their share of the users who asked anything in the range (adoption), turns and cost.';

CREATE FUNCTION analytics.commands(
    from_time timestamptz DEFAULT now() - interval '24 hours', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, tiers text[] DEFAULT NULL
) RETURNS TABLE (command text, uses bigint, users bigint, ratio double precision)
LANGUAGE sql STABLE AS $$
SELECT coalesce(e.attributes ->> 'command', '(none)'), count(*),
    count(DISTINCT (e.service, e.user_id)) FILTER (WHERE e.user_id IS NOT NULL),
    (count(*) / sum(count(*)) OVER ())::float8
FROM audit.events e
WHERE e.name = 'command.used' AND e.start_time >= from_time AND e.start_time < to_time
    AND analytics.chosen(e.service, services) AND analytics.chosen(e.environment, environments)
    AND analytics.chosen(e.tier, tiers)
GROUP BY 1
ORDER BY 2 DESC, 1
$$;
COMMENT ON FUNCTION analytics.commands IS 'How often each command was used (attribute `command` of `command.used`), by how many users, and its share.';

CREATE FUNCTION analytics.events_over_time(
    event text DEFAULT 'property.search', attribute text DEFAULT NULL, bucket interval DEFAULT '1 hour',
    from_time timestamptz DEFAULT now() - interval '7 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE ("time" timestamptz, label text, events bigint, users bigint, value double precision)
LANGUAGE sql STABLE AS $$
SELECT date_bin(bucket, e.start_time, '2001-01-01Z'), e.attributes ->> attribute, count(*),
    count(DISTINCT (e.service, e.user_id)) FILTER (WHERE e.user_id IS NOT NULL), sum(e.value)
FROM audit.events e
WHERE e.name = event AND e.start_time >= from_time AND e.start_time < to_time
    AND analytics.chosen(e.service, services) AND analytics.chosen(e.environment, environments)
GROUP BY 1, 2
ORDER BY 1, 2
$$;
COMMENT ON FUNCTION analytics.events_over_time IS
    'A product event over time, split by one of its attributes if given (`status` of `reservation`); value is the sum of the events'' values. Buckets without an event have no row.';

CREATE FUNCTION analytics.hours(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, agents text[] DEFAULT NULL,
    tiers text[] DEFAULT NULL
) RETURNS TABLE (weekday integer, hour integer, turns bigint, ratio double precision)
LANGUAGE sql STABLE AS $$
SELECT extract(isodow FROM c.started_at AT TIME ZONE 'UTC')::integer,
    extract(hour FROM c.started_at AT TIME ZONE 'UTC')::integer, count(*), (count(*) / sum(count(*)) OVER ())::float8
FROM audit.turns c
WHERE c.started_at >= from_time AND c.started_at < to_time
    AND analytics.chosen(c.service, services) AND analytics.chosen(c.environment, environments)
    AND analytics.chosen(c.agent, hours.agents) AND analytics.chosen(c.tier, tiers)
GROUP BY 1, 2
ORDER BY 1, 2
$$;
COMMENT ON FUNCTION analytics.hours IS 'Turns by day of the week (1 is Monday) and hour, UTC.';
