-- Building blocks: what the other files use. Days and weeks are UTC's; weeks begin on Monday. Ranges are from_time <= t < to_time.

CREATE FUNCTION analytics.chosen(value text, list text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN list IS NULL OR cardinality(list) = 0 OR value = ANY (list);
COMMENT ON FUNCTION analytics.chosen IS
    'True if the value is in the list, or the list is NULL or empty: a dashboard''s "All".';

CREATE FUNCTION analytics.utc_day(moment timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (moment AT TIME ZONE 'UTC')::date;
COMMENT ON FUNCTION analytics.utc_day IS 'The UTC day of a moment.';

CREATE FUNCTION analytics.utc_week(moment timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN date_trunc('week', moment AT TIME ZONE 'UTC')::date;
COMMENT ON FUNCTION analytics.utc_week IS 'The Monday of a moment''s week, UTC.';

CREATE FUNCTION analytics.days(from_time timestamptz, to_time timestamptz) RETURNS TABLE (day date)
LANGUAGE sql IMMUTABLE AS $$
SELECT analytics.utc_day(from_time) + n
FROM generate_series(0, analytics.utc_day(to_time - interval '1 microsecond') - analytics.utc_day(from_time)) n
$$;
COMMENT ON FUNCTION analytics.days IS 'The UTC days that a range touches.';

CREATE FUNCTION analytics.expect(name text, value text, VARIADIC allowed text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF value = ANY (allowed) THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION '%=%: expected one of %', name, quote_nullable(value), array_to_string(allowed, ', ')
        USING ERRCODE = 'invalid_parameter_value';
END $$;
COMMENT ON FUNCTION analytics.expect IS 'True, or an error that names the parameter and what it may be.';

CREATE FUNCTION analytics.trace_parts(wanted text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
SELECT wanted
UNION
SELECT k.trace_id FROM audit.turns k
WHERE split_part(k.trace_id, '@', 1) = wanted
$$;
COMMENT ON FUNCTION analytics.trace_parts IS
    'The ids under which a trace is stored: the id of other stores finds the parts of all applications, `id@application` only that one''s.';

CREATE VIEW analytics.activity AS
SELECT started_at AS time, service, environment, tier, user_id
FROM audit.turns
WHERE user_id IS NOT NULL
UNION ALL
SELECT start_time, service, environment, tier, user_id
FROM audit.events
WHERE user_id IS NOT NULL;
COMMENT ON VIEW analytics.activity IS
    'Activity of users: one row for each turn and each product event. A user is a service and an id.';
