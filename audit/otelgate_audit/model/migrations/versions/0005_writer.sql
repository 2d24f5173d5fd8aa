-- The sink connects as otelgate_writer, which inserts and takes nothing back. Three things of its work need more than that:
-- it makes a partition for a day that has none, replaces a conversation's row by the row with the new records in it, and
-- moves the ledger's head. Functions of the owner do the first two, a trigger guards the third. What each role may is in
-- database.py. A session is the writer's where its role does not belong to the owner of these functions.

-- The partition of a table for a time, where it is missing; partitions.py has the same names and bounds.
CREATE FUNCTION ledger.make_partition(of_table text, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    unit text := CASE
        WHEN of_table IN ('audit.runs', 'audit.model_calls', 'audit.tool_calls', 'content.texts') THEN 'day'
        WHEN of_table IN ('audit.events', 'ledger.entries') THEN 'month'
    END;
    first timestamptz := date_trunc(unit, at);
    made text := of_table || to_char(first, CASE unit WHEN 'day' THEN '_YYYYMMDD' ELSE '_YYYYMM' END);
BEGIN
    IF unit IS NULL OR at IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'partition: expected a table that has some, and a time';
    END IF;
    PERFORM FROM ledger.head FOR UPDATE;  -- those who make the same one take turns
    IF to_regclass(made) IS NOT NULL THEN
        RETURN;
    END IF;
    -- CREATE TABLE ... PARTITION OF would wait for every reader of the table, and all others would wait for it.
    EXECUTE 'CREATE TABLE ' || made || ' (LIKE ' || of_table || ' INCLUDING ALL)';
    EXECUTE 'ALTER TABLE ' || of_table || ' ATTACH PARTITION ' || made || ' FOR VALUES FROM ('
        || quote_literal(first) || ') TO (' || quote_literal(first + ('1 ' || unit)::interval) || ')';
END $$;

-- Take conversations' rows out, to put new ones in their place. An UPDATE would make a new version in each index, too.
CREATE FUNCTION audit.take_out(traces text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM audit.conversations WHERE trace_id = ANY (traces)
$$;

CREATE FUNCTION audit.put_back() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, current_user, 'MEMBER')
        AND NOT EXISTS (SELECT FROM audit.conversations WHERE trace_id = OLD.trace_id) THEN
        RAISE insufficient_privilege USING MESSAGE = 'conversation taken out and not put back: only the owner deletes';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER put_back AFTER DELETE ON audit.conversations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit.put_back();

-- The head moves forward only, and to an entry that is there.
CREATE FUNCTION ledger.move_forward() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_has_role(session_user, current_user, 'MEMBER') THEN
        RETURN NEW;
    END IF;
    -- Before the first entry its time is that of the schema.
    IF NEW.seq <= OLD.seq OR (OLD.seq > 0 AND NEW.committed_at < OLD.committed_at) OR NOT EXISTS (
        SELECT FROM ledger.entries
        WHERE committed_at = NEW.committed_at AND seq = NEW.seq AND link = NEW.link
    ) THEN
        RAISE insufficient_privilege USING MESSAGE = 'head of the ledger: expected a later entry that is there';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER move_forward BEFORE UPDATE ON ledger.head FOR EACH ROW EXECUTE FUNCTION ledger.move_forward();

REVOKE EXECUTE ON FUNCTION ledger.make_partition, audit.take_out, audit.put_back, ledger.move_forward FROM PUBLIC;
