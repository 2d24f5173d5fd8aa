-- One word for one thing: a request and its answer is a turn. A conversation is, in the conventions, a session. The rows stay
-- where they are; the ledger's entries name records, from which turns are derived, and do not change.

ALTER TABLE audit.conversations RENAME TO turns;
ALTER INDEX audit.conversations_pkey RENAME TO turns_pkey;
ALTER INDEX audit.conversations_started RENAME TO turns_started;
ALTER INDEX audit.conversations_user RENAME TO turns_user;
ALTER INDEX audit.conversations_session RENAME TO turns_session;
ALTER INDEX audit.conversations_cost RENAME TO turns_cost;
ALTER INDEX audit.conversations_trace RENAME TO turns_trace;
ALTER TABLE audit.users RENAME COLUMN conversations TO turns;
ALTER TABLE audit.sessions RENAME COLUMN conversations TO turns;
ALTER VIEW content.conversations RENAME TO turns;

-- PostgreSQL 18 names NOT NULL constraints, too.
DO $$
DECLARE
    named record;
BEGIN
    FOR named IN SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
        WHERE connamespace = 'audit'::regnamespace AND strpos(conname, 'conversations') > 0 LOOP
        EXECUTE 'ALTER TABLE ' || named.of_table || ' RENAME CONSTRAINT ' || quote_ident(named.conname)
            || ' TO ' || quote_ident(replace(named.conname, 'conversations', 'turns'));
    END LOOP;
END $$;

-- `otelgate-audit migrate` makes their successors from views/90_turns.sql.
DROP FUNCTION IF EXISTS content.recent_conversations;
DROP FUNCTION IF EXISTS content.conversation;

-- The bodies of functions are text, which has the table's name.
CREATE OR REPLACE FUNCTION audit.note_user_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In one order, so that two writers can't wait for each other.
    IF TG_TABLE_NAME = 'turns' THEN
        INSERT INTO audit.user_days
        SELECT DISTINCT service, user_id, (started_at AT TIME ZONE 'UTC')::date, coalesce(environment, ''),
            coalesce(tier, '')
        FROM arrived WHERE user_id IS NOT NULL ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO audit.user_days
        SELECT DISTINCT service, user_id, (start_time AT TIME ZONE 'UTC')::date, coalesce(environment, ''),
            coalesce(tier, '')
        FROM arrived WHERE user_id IS NOT NULL ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION audit.take_out(traces text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM audit.turns WHERE trace_id = ANY (traces)
$$;

CREATE OR REPLACE FUNCTION audit.put_back() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, current_user, 'MEMBER')
        AND NOT EXISTS (SELECT FROM audit.turns WHERE trace_id = OLD.trace_id) THEN
        RAISE insufficient_privilege USING MESSAGE = 'turn taken out and not put back: only the owner deletes';
    END IF;
    RETURN NULL;
END $$;
