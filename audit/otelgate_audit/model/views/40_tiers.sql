-- Tiers and revenue: tiers, limits, upgrades. Prices of tiers: audit.tiers (`otelgate-audit tier`).

CREATE VIEW analytics.users_by_tier AS
SELECT u.service, coalesce(u.tier, '(none)') AS tier, count(*) AS users,
    count(*) FILTER (WHERE u.last_seen >= now() - interval '30 days') AS active_users,
    count(*) FILTER (WHERE u.last_seen >= now() - interval '30 days') * coalesce(max(t.monthly_usd), 0) AS worth_usd
FROM audit.users u
LEFT JOIN audit.tiers t ON t.service = u.service AND t.tier = u.tier
GROUP BY 1, 2;
COMMENT ON VIEW analytics.users_by_tier IS
    'Users by the tier that they have now; active_users were seen in the last 30 days; worth_usd is active users times the tier''s price.';

CREATE FUNCTION analytics.limit_hits(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (tier text, hits bigint, users bigint)
LANGUAGE sql STABLE AS $$
SELECT coalesce(e.attributes ->> 'tier', e.tier, '(none)'), count(*),
    count(DISTINCT (e.service, e.user_id)) FILTER (WHERE e.user_id IS NOT NULL)
FROM audit.events e
WHERE e.name = 'quota.hit' AND e.start_time >= from_time AND e.start_time < to_time
    AND analytics.chosen(e.service, services) AND analytics.chosen(e.environment, environments)
GROUP BY 1
ORDER BY 2 DESC, 1
$$;
COMMENT ON FUNCTION analytics.limit_hits IS '`quota.hit` events by tier: how often, and by how many users.';

CREATE FUNCTION analytics.upgrades(
    from_time timestamptz DEFAULT now() - interval '30 days', to_time timestamptz DEFAULT now(),
    services text[] DEFAULT NULL, environments text[] DEFAULT NULL
) RETURNS TABLE (day date, from_tier text, to_tier text, upgrades bigint, users bigint)
LANGUAGE sql STABLE AS $$
SELECT analytics.utc_day(e.start_time), e.attributes ->> 'from_tier', e.attributes ->> 'to_tier', count(*),
    count(DISTINCT (e.service, e.user_id)) FILTER (WHERE e.user_id IS NOT NULL)
FROM audit.events e
WHERE e.name = 'subscription.upgraded' AND e.start_time >= from_time AND e.start_time < to_time
    AND analytics.chosen(e.service, services) AND analytics.chosen(e.environment, environments)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION analytics.upgrades IS '`subscription.upgraded` events by day, from which tier and to which.';
