-- Tiers and revenue: subscriptions and what they bring. A user's tier over time: the newest `subscription.*` event says it (attribute to_tier); before the first such
-- event, its from_tier; without any, the tier that the user's records carry, since the user was first seen. A tier that
-- audit.tiers does not price brings nothing. Users who were erased bring nothing either.

CREATE VIEW analytics.subscriptions AS
WITH changes AS (
    SELECT e.service, e.user_id, e.start_time, e.attributes ->> 'from_tier' AS from_tier,
        e.attributes ->> 'to_tier' AS to_tier,
        row_number() OVER (PARTITION BY e.service, e.user_id ORDER BY e.start_time, e.uid) AS number
    FROM audit.events e
    WHERE e.name IN (
            'subscription.started', 'subscription.upgraded', 'subscription.downgraded', 'subscription.cancelled'
        )
        AND e.user_id IS NOT NULL
), held AS (
    SELECT u.service, u.user_id, u.first_seen AS time, CASE WHEN c.number = 1 THEN c.from_tier ELSE u.tier END AS tier
    FROM audit.users u
    LEFT JOIN changes c ON c.service = u.service AND c.user_id = u.user_id AND c.number = 1
    UNION ALL
    SELECT c.service, c.user_id, c.start_time, c.to_tier FROM changes c
), priced AS (
    SELECT h.service, h.user_id, h.time, h.tier, coalesce(t.monthly_usd, 0) AS monthly_usd
    FROM held h
    LEFT JOIN audit.tiers t ON t.service = h.service AND t.tier = h.tier
)
SELECT p.service, p.user_id, p.time AS from_time,
    lead(p.time) OVER (PARTITION BY p.service, p.user_id ORDER BY p.time) AS to_time, p.tier, p.monthly_usd,
    p.monthly_usd - lag(p.monthly_usd, 1, 0::numeric) OVER (PARTITION BY p.service, p.user_id ORDER BY p.time) AS change_usd
FROM priced p;
COMMENT ON VIEW analytics.subscriptions IS
    'Each user''s tiers, from when to when (to_time NULL: still), with the monthly price and by how much it changed.';

CREATE VIEW analytics.mrr AS
WITH now_held AS (
    SELECT s.service, sum(s.monthly_usd) AS mrr_usd, count(*) FILTER (WHERE s.monthly_usd > 0) AS paying_users
    FROM analytics.subscriptions s
    WHERE s.to_time IS NULL
    GROUP BY 1
), active AS (
    SELECT u.service, count(*) AS users
    FROM audit.users u
    WHERE u.last_seen >= now() - interval '30 days'
    GROUP BY 1
)
SELECT h.service, h.mrr_usd, h.mrr_usd * 12 AS arr_usd, h.paying_users, coalesce(a.users, 0) AS active_users,
    h.mrr_usd / nullif(a.users, 0) AS arpu_usd, h.mrr_usd / nullif(h.paying_users, 0) AS arppu_usd
FROM now_held h
LEFT JOIN active a USING (service);
COMMENT ON VIEW analytics.mrr IS
    'Monthly and yearly recurring revenue now. arpu_usd is by users active in the last 30 days, arppu_usd by paying users.';

CREATE FUNCTION analytics.revenue(
    from_time timestamptz DEFAULT now() - interval '90 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL
) RETURNS TABLE (
    day date, mrr_usd numeric, arr_usd numeric, paying_users bigint, arppu_usd numeric, gained_usd numeric,
    lost_usd numeric
)
LANGUAGE sql STABLE AS $$
WITH changes AS (
    SELECT analytics.utc_day(s.from_time) AS day, sum(s.change_usd) AS usd,
        sum(s.change_usd) FILTER (WHERE s.change_usd > 0) AS gained,
        -sum(s.change_usd) FILTER (WHERE s.change_usd < 0) AS lost,
        count(*) FILTER (WHERE s.monthly_usd > 0 AND s.monthly_usd = s.change_usd)
            - count(*) FILTER (WHERE s.monthly_usd = 0 AND s.change_usd < 0) AS payers
    FROM analytics.subscriptions s
    WHERE s.from_time < revenue.to_time AND analytics.chosen(s.service, services)
    GROUP BY 1
), sums AS (
    SELECT d.day, coalesce(sum(c.usd), 0) AS mrr, coalesce(sum(c.payers), 0)::bigint AS payers,
        coalesce(sum(c.gained) FILTER (WHERE c.day = d.day), 0) AS gained,
        coalesce(sum(c.lost) FILTER (WHERE c.day = d.day), 0) AS lost
    FROM analytics.days(revenue.from_time, revenue.to_time) d
    LEFT JOIN changes c ON c.day <= d.day
    GROUP BY 1
)
SELECT s.day, s.mrr, s.mrr * 12, s.payers, s.mrr / nullif(s.payers, 0), s.gained, s.lost
FROM sums s
ORDER BY 1
$$;
COMMENT ON FUNCTION analytics.revenue IS
    'Recurring revenue at the end of each day, and what that day gained and lost.';

CREATE VIEW analytics.tier_margin AS
WITH spent AS (
    SELECT c.service, coalesce(c.tier, '(none)') AS tier, count(*) AS turns, sum(c.cost_usd) AS cost_usd
    FROM audit.turns c
    WHERE c.started_at >= date_trunc('day', now(), 'UTC') - interval '29 days'
    GROUP BY 1, 2
), people AS (
    SELECT p.service, coalesce(nullif(p.tier, ''), '(none)') AS tier, count(*) AS users
    FROM (
        SELECT DISTINCT d.service, d.user_id, d.tier
        FROM audit.user_days d
        WHERE d.day >= analytics.utc_day(now()) - 29
    ) p
    GROUP BY 1, 2
)
SELECT service, tier, coalesce(p.users, 0) AS users, coalesce(s.turns, 0) AS turns,
    coalesce(s.cost_usd, 0) AS cost_usd, coalesce(t.monthly_usd, 0) AS price_usd,
    coalesce(p.users * t.monthly_usd, 0) AS revenue_usd,
    coalesce(p.users * t.monthly_usd, 0) - coalesce(s.cost_usd, 0) AS margin_usd,
    s.cost_usd / nullif(p.users, 0) AS cost_per_user_usd,
    t.monthly_usd / nullif(s.cost_usd / nullif(s.turns, 0), 0) AS break_even_turns
FROM spent s
FULL JOIN people p USING (service, tier)
LEFT JOIN audit.tiers t USING (service, tier);
COMMENT ON VIEW analytics.tier_margin IS
    'The last 30 days, today included, by the tier at the time: what its active users cost and bring. break_even_turns: how many turns a month one user''s price pays for.';
