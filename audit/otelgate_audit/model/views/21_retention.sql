-- Users: retention and churn.

CREATE FUNCTION analytics.retention(
    from_time timestamptz DEFAULT now() - interval '84 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL, since text DEFAULT 'first_seen'
) RETURNS TABLE (cohort date, users bigint, week integer, active bigint, ratio double precision, complete boolean)
LANGUAGE sql STABLE AS $$
WITH members AS (
    SELECT u.service, u.user_id,
        analytics.utc_week(CASE since WHEN 'signup' THEN u.signed_up_at ELSE u.first_seen END) AS cohort
    FROM audit.users u
    WHERE analytics.expect('since', since, 'first_seen', 'signup') AND analytics.chosen(u.service, services)
        AND CASE since WHEN 'signup' THEN u.signed_up_at ELSE u.first_seen END
            >= date_trunc('week', from_time, 'UTC')
        AND CASE since WHEN 'signup' THEN u.signed_up_at ELSE u.first_seen END < to_time
), sizes AS (
    SELECT m.cohort, count(*) AS users FROM members m GROUP BY 1
), days AS (
    SELECT d.service, d.user_id, w.week, lag(w.week) OVER (PARTITION BY d.service, d.user_id ORDER BY d.day) AS last
    FROM audit.user_days d
    CROSS JOIN LATERAL (SELECT d.day - (extract(isodow FROM d.day)::integer - 1) AS week) w
    WHERE d.day >= analytics.utc_week(from_time) AND d.day <= analytics.utc_day(to_time - interval '1 microsecond')
        AND analytics.chosen(d.service, services) AND analytics.chosen(d.environment, environments)
), seen AS (
    SELECT m.cohort, w.week, count(*) AS active
    FROM members m
    JOIN days w ON w.service = m.service AND w.user_id = m.user_id AND w.week >= m.cohort
    WHERE w.last IS DISTINCT FROM w.week
    GROUP BY 1, 2
)
SELECT s.cohort, s.users, (monday::date - s.cohort) / 7, coalesce(n.active, 0), coalesce(n.active, 0)::float8 / s.users,
    monday::date + 7 <= to_time AT TIME ZONE 'UTC'
FROM sizes s
CROSS JOIN generate_series(
    s.cohort::timestamp, to_time AT TIME ZONE 'UTC' - interval '1 microsecond', interval '7 days'
) monday
LEFT JOIN seen n ON n.cohort = s.cohort AND n.week = monday::date
ORDER BY 1, 3
$$;
COMMENT ON FUNCTION analytics.retention IS
    'For the users first seen in each week (since => ''signup'': who signed up in it), how many were active in that week (0) and in each week after. A week that is not over has complete = false and will still rise.';

CREATE FUNCTION analytics.churn(
    from_time timestamptz DEFAULT now() - interval '56 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (week date, before bigint, lost bigint, churn double precision, gained bigint)
LANGUAGE sql STABLE AS $$
WITH days AS (
    SELECT w.week, lead(w.week) OVER user_days AS next, lag(w.week) OVER user_days AS last
    FROM audit.user_days d
    CROSS JOIN LATERAL (SELECT d.day - (extract(isodow FROM d.day)::integer - 1) AS week) w
    WHERE d.day >= analytics.utc_week(from_time) - 7 AND d.day < analytics.utc_week(to_time)
        AND analytics.chosen(d.service, services) AND analytics.chosen(d.environment, environments)
    WINDOW user_days AS (PARTITION BY d.service, d.user_id ORDER BY d.day)
), counted AS (
    -- A user's last day of a week stands for the week, and the first one for coming.
    SELECT d.week, count(*) FILTER (WHERE d.next IS DISTINCT FROM d.week) AS users,
        count(*) FILTER (WHERE d.next IS DISTINCT FROM d.week AND d.next IS DISTINCT FROM d.week + 7) AS leaving,
        count(*) FILTER (WHERE d.last IS DISTINCT FROM d.week AND d.last IS DISTINCT FROM d.week - 7) AS coming
    FROM days d
    GROUP BY 1
)
SELECT monday::date, coalesce(b.users, 0), coalesce(b.leaving, 0), b.leaving::float8 / nullif(b.users, 0),
    coalesce(c.coming, 0)
FROM generate_series(
    date_trunc('week', from_time AT TIME ZONE 'UTC'), date_trunc('week', to_time AT TIME ZONE 'UTC') - interval '7 days',
    interval '7 days'
) monday
LEFT JOIN counted b ON b.week = monday::date - 7
LEFT JOIN counted c ON c.week = monday::date
ORDER BY 1
$$;
COMMENT ON FUNCTION analytics.churn IS
    'For each complete week: the users of the week before, how many of them were not seen in it (lost; churn is their share), and how many were seen that were not in the week before (gained).';
