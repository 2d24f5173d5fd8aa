-- The meaning of each table and column, for `\d+` in psql and for docs/reference/tables.md. `migrate` applies this file when
-- it or a view changes.

COMMENT ON SCHEMA audit IS 'Turns, their runs and calls, votes, scores and events, without message content';
COMMENT ON SCHEMA content IS 'Message content, masked by the gateway';
COMMENT ON SCHEMA ledger IS 'Append-only proof of all committed records';

COMMENT ON TABLE audit.turns IS 'One row per trace in which an agent ran or a model was called, merged from its records';
COMMENT ON TABLE audit.runs IS 'Invocations of agents and workflows, and a framework''s outer chains';
COMMENT ON TABLE audit.model_calls IS 'Requests to models, with tokens and cost';
COMMENT ON TABLE audit.tool_calls IS 'Executions of tools';
COMMENT ON TABLE audit.feedback IS 'Votes of users';
COMMENT ON TABLE audit.scores IS 'Results of evaluations';
COMMENT ON TABLE audit.events IS 'Product events';
COMMENT ON TABLE audit.users IS 'Users of each service';
COMMENT ON TABLE audit.sessions IS 'Sessions of each service';
COMMENT ON TABLE audit.user_days IS
    'Days on which each user had a turn or a product event, for active users, retention and churn; kept by triggers';
COMMENT ON TABLE audit.tiers IS 'Monthly prices of tiers, for revenue; `otelgate-audit tier` sets them';
COMMENT ON TABLE audit.reconciliation IS
    'Windows of five minutes: the gateway''s counts of runs, model calls and cost, compared with the stored records';
COMMENT ON TABLE audit.erasures IS 'Erasures of persons, without the erased ids';
COMMENT ON TABLE content.texts IS
    'Words of a run (question, reply), a model call (last user message, answer), a tool call (arguments, result), '
    'a vote (comment), a score (explanation) or an event (its longer attributes)';
COMMENT ON TABLE content.rejects IS 'Records that could not be stored, with the reason';
COMMENT ON TABLE ledger.keys IS 'Keys of users, under which entries attest their records; an erasure deletes them';
COMMENT ON TABLE ledger.entries IS 'The chain: one entry for each record, erasure and deletion by retention';
COMMENT ON TABLE ledger.head IS 'The last entry of the chain, in one row';
COMMENT ON TABLE ledger.dropped IS 'Partitions that retention dropped, each signed with the chain key';

COMMENT ON VIEW content.turns IS 'The columns of `audit.turns`, with `user_message` and `reply`';
COMMENT ON VIEW content.tool_calls IS 'The columns of `audit.tool_calls`, with `arguments`, `result` and `error_message`';
COMMENT ON VIEW content.feedback IS 'The columns of `audit.feedback`, with `comment`';

-- Columns that mean the same in every table.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT a.attrelid::regclass AS of_table, a.attname, shared.meaning
        FROM (VALUES
            ('agent', '`gen_ai.agent.name`'),
            ('agents', 'Agents that ran in it, the first 64 by name'),
            ('cache_creation_tokens', 'Input tokens written to the provider''s cache'),
            ('cache_read_tokens', 'Input tokens read from the provider''s cache'),
            ('cancelled', 'Whether the caller gave up; `status` is then `ok`'),
            ('duplicate_of', 'Span id of the span that is counted for the same work, if this is a duplicate'),
            ('duration_us', 'Duration in microseconds'),
            ('environment', '`deployment.environment.name`'),
            ('error_type', '`error.type`'),
            ('feature', '`otelgate.feature`'),
            ('first_seen', 'Time of the earliest record'),
            ('input_tokens', 'Input tokens, cached ones included'),
            ('last_seen', 'Time of the latest record'),
            ('link', 'HMAC under the chain key of the previous link and the entry'),
            ('output_tokens', 'Output tokens, reasoning included'),
            ('parent_span_id', 'Span id of the parent, NULL for the root of the trace'),
            ('price_version', 'Version of the price table; of a turn, that of its latest priced call'),
            ('reasoning_tokens', 'Output tokens of reasoning'),
            ('seq', 'Number of the entry, from 1 without gaps'),
            ('service', '`service.name` of the sender'),
            ('session_id', 'Session: `session.id`, or else `gen_ai.conversation.id`'),
            ('span_id', 'Span id, 16 hexadecimal digits'),
            ('start_time', 'Start of the span, or time of the event'),
            ('status', '`ok` or `error`'),
            ('tier', '`otelgate.tier`: the user''s plan at that time'),
            ('tier_at', 'Time of the record that named the tier; the newest wins'),
            ('trace_id', 'Trace id, 32 hexadecimal digits; with `@` and the application if that is known'),
            ('turns', 'Number of its turns'),
            ('uid', '`log.record.uid`, or a hash of the record if it has none; with `@` and the application if that is known'),
            ('user_id', 'User: `user.id`')
        ) AS shared (name, meaning)
        JOIN pg_attribute a ON a.attname = shared.name
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        WHERE c.relnamespace::regnamespace::text IN ('audit', 'content', 'ledger')
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', found.of_table, found.attname, found.meaning);
    END LOOP;
END $$;

COMMENT ON COLUMN audit.turns.started_at IS 'Start of the leading span; of the earliest one until that has arrived';
COMMENT ON COLUMN audit.turns.ended_at IS 'Latest end of a span';
COMMENT ON COLUMN audit.turns.arrived_at IS 'Time at which the sink got the first record';
COMMENT ON COLUMN audit.turns.updated_at IS 'Time at which the sink merged the latest record';
COMMENT ON COLUMN audit.turns.agent IS 'Agent of the leading span';
COMMENT ON COLUMN audit.turns.route IS 'Agents in the order in which they began';
COMMENT ON COLUMN audit.turns.status IS '`ok` or `error`; NULL until the leading span has arrived';
COMMENT ON COLUMN audit.turns.latency_us IS 'Duration of the leading span in microseconds; NULL until it has arrived';
COMMENT ON COLUMN audit.turns.ttft_us IS
    'Microseconds from the turn''s start to the first chunk of the first streamed model call';
COMMENT ON COLUMN audit.turns.runs IS 'Number of runs, without duplicates';
COMMENT ON COLUMN audit.turns.model_calls IS 'Number of model calls, without duplicates';
COMMENT ON COLUMN audit.turns.tool_calls IS 'Number of tool calls, without duplicates';
COMMENT ON COLUMN audit.turns.tool_errors IS 'Number of tool calls that failed';
COMMENT ON COLUMN audit.turns.cost_usd IS 'Cost of its model calls';
COMMENT ON COLUMN audit.turns.unpriced_calls IS 'Model calls without a price, except those that failed before a token';
COMMENT ON COLUMN audit.turns.models IS 'Models in the order in which they were called';
COMMENT ON COLUMN audit.turns.confidence IS 'Value of the latest score named `confidence`';
COMMENT ON COLUMN audit.turns.relevance IS 'Value of the latest score named `retrieval.relevance` or `relevance`';
COMMENT ON COLUMN audit.turns.rating IS '`positive` or `negative`, of the latest vote';
COMMENT ON COLUMN audit.turns.rating_score IS '1 to 5, of the latest vote';
COMMENT ON COLUMN audit.turns.question_hash IS 'Keyed hash of the question, which finds repeated questions';
COMMENT ON COLUMN audit.turns.asked_start IS 'With `asked_record`, the key of the question in `content.texts`';
COMMENT ON COLUMN audit.turns.asked_record IS 'See `asked_start`';
COMMENT ON COLUMN audit.turns.replied_start IS 'With `replied_record`, the key of the reply in `content.texts`';
COMMENT ON COLUMN audit.turns.replied_record IS 'See `replied_start`';
COMMENT ON COLUMN audit.turns.state IS 'Data with which the sink merges later records';

COMMENT ON COLUMN audit.runs.operation IS '`invoke_agent`, `invoke_workflow` or `chain` (a framework''s outer chain)';
COMMENT ON COLUMN audit.runs.received_at IS 'Time at which the gateway received it';

COMMENT ON COLUMN audit.model_calls.operation IS '`chat`, `text_completion`, `generate_content` or `embeddings`';
COMMENT ON COLUMN audit.model_calls.provider IS '`gen_ai.provider.name`';
COMMENT ON COLUMN audit.model_calls.request_model IS '`gen_ai.request.model`';
COMMENT ON COLUMN audit.model_calls.response_model IS '`gen_ai.response.model`';
COMMENT ON COLUMN audit.model_calls.time_to_first_chunk_us IS 'Microseconds to the first chunk of a streamed call';
COMMENT ON COLUMN audit.model_calls.cost_usd IS 'Cost by the gateway''s price table; NULL if it is unknown';
COMMENT ON COLUMN audit.model_calls.cost_status IS '`priced`, `unpriced` or `no_tokens`';
COMMENT ON COLUMN audit.model_calls.finish_reason IS 'First of `gen_ai.response.finish_reasons`';
COMMENT ON COLUMN audit.model_calls.received_at IS
    'Time at which the gateway received it; NULL in rows from before revision 0002';

COMMENT ON COLUMN audit.tool_calls.tool IS '`gen_ai.tool.name`';
COMMENT ON COLUMN audit.tool_calls.call_id IS '`gen_ai.tool.call.id`';

COMMENT ON COLUMN audit.feedback.rating IS '`positive` or `negative`; NULL for a score of 3';
COMMENT ON COLUMN audit.feedback.score IS '1 (worst) to 5 (best)';

COMMENT ON COLUMN audit.scores.name IS 'Name of the evaluation: `gen_ai.evaluation.name`';
COMMENT ON COLUMN audit.scores.value IS '`gen_ai.evaluation.score.value`';
COMMENT ON COLUMN audit.scores.label IS '`gen_ai.evaluation.score.label`';

COMMENT ON COLUMN audit.events.name IS 'Name of the event, such as `user.signup`';
COMMENT ON COLUMN audit.events.value IS '`otelgate.event.value`';
COMMENT ON COLUMN audit.events.unit IS '`otelgate.event.unit`';
COMMENT ON COLUMN audit.events.attributes IS 'Attributes of one word; longer ones are in `content.texts`';

COMMENT ON COLUMN audit.users.signed_up_at IS 'Time of the first `user.signup`';
COMMENT ON COLUMN audit.users.tier IS 'The newest tier';
COMMENT ON COLUMN audit.sessions.tier IS 'The newest tier';
COMMENT ON COLUMN audit.sessions.user_at IS 'Time of the record that named the user; the earliest wins';

COMMENT ON COLUMN audit.user_days.day IS 'Day in UTC';
COMMENT ON COLUMN audit.user_days.environment IS '`deployment.environment.name`, or empty';
COMMENT ON COLUMN audit.user_days.tier IS '`otelgate.tier`, or empty';

COMMENT ON COLUMN audit.tiers.tier IS 'Name of the tier, as in `otelgate.tier`';
COMMENT ON COLUMN audit.tiers.monthly_usd IS 'Price of a month';

COMMENT ON COLUMN audit.reconciliation.quantity IS '`runs`, `calls` or `cost`: the quantity of the numbers in this row';
COMMENT ON COLUMN audit.reconciliation.from_time IS 'Start of the window';
COMMENT ON COLUMN audit.reconciliation.to_time IS 'End of the window';
COMMENT ON COLUMN audit.reconciliation.counted IS 'Counted by the gateway';
COMMENT ON COLUMN audit.reconciliation.stored IS 'Stored in the tables';
COMMENT ON COLUMN audit.reconciliation.rejected IS 'Stored in `content.rejects`';
COMMENT ON COLUMN audit.reconciliation.missing IS 'Counted, and neither stored nor rejected';
COMMENT ON COLUMN audit.reconciliation.surplus IS 'Stored, and not counted';
COMMENT ON COLUMN audit.reconciliation.checked_at IS 'Time of the comparison';

COMMENT ON COLUMN audit.erasures.id IS 'Number of the erasure';
COMMENT ON COLUMN audit.erasures.done_at IS 'Time of the erasure';
COMMENT ON COLUMN audit.erasures.services IS 'Services in which the person was erased';
COMMENT ON COLUMN audit.erasures.records IS 'Number of erased records';
COMMENT ON COLUMN audit.erasures.traces IS 'Number of traces with an erased record';

COMMENT ON COLUMN content.texts.trace_id IS 'Trace id; empty for an event without a trace';
COMMENT ON COLUMN content.texts.record IS '`span_id` or `uid` of the record';
COMMENT ON COLUMN content.texts.input IS 'Question, message, arguments, comment, explanation or attributes as JSON';
COMMENT ON COLUMN content.texts.output IS 'Reply, answer or result';
COMMENT ON COLUMN content.texts.error_message IS 'Message of the error';

COMMENT ON COLUMN content.rejects.id IS 'Number of the reject';
COMMENT ON COLUMN content.rejects.arrived_at IS 'Time at which the sink got it';
COMMENT ON COLUMN content.rejects.signal IS '`traces` or `logs`';
COMMENT ON COLUMN content.rejects.service IS '`service.name` of the sender, if it could be read';
COMMENT ON COLUMN content.rejects.trace_id IS 'Trace id, if it could be read';
COMMENT ON COLUMN content.rejects.record IS 'Span id or `uid`, if it could be read';
COMMENT ON COLUMN content.rejects.run IS 'Whether it was an agent''s run, which reconciliation counts as rejected';
COMMENT ON COLUMN content.rejects.call IS 'Whether it was a model call, which reconciliation counts as rejected';
COMMENT ON COLUMN content.rejects.cost_usd IS 'Cost of that call, if it could be read';
COMMENT ON COLUMN content.rejects.received_at IS 'Time at which the gateway received it, if it could be read';
COMMENT ON COLUMN content.rejects.reason IS 'Reason';
COMMENT ON COLUMN content.rejects.size IS 'Size of the record in bytes';
COMMENT ON COLUMN content.rejects.payload IS 'The record in OTLP, its first 64 KiB';

COMMENT ON COLUMN ledger.keys.key_id IS 'Number of the key, by which entries name it';
COMMENT ON COLUMN ledger.keys.user_id IS 'User; empty for records without a user';
COMMENT ON COLUMN ledger.keys.key IS 'Random key';
COMMENT ON COLUMN ledger.keys.created_at IS 'Time of the key''s creation';

COMMENT ON COLUMN ledger.entries.committed_at IS 'Time of the commit';
COMMENT ON COLUMN ledger.entries.kind IS
    'Table of the record; `erase.<table>` or `retain.<table>` if it was attested again; `retain` for a deletion';
COMMENT ON COLUMN ledger.entries.start_time IS 'That of the record';
COMMENT ON COLUMN ledger.entries.trace_id IS 'That of the record; of a deletion, the table';
COMMENT ON COLUMN ledger.entries.record IS '`span_id` or `uid` of the record; of a deletion, the partition';
COMMENT ON COLUMN ledger.entries.key_id IS 'Key of `mac`, in `ledger.keys`';
COMMENT ON COLUMN ledger.entries.mac IS 'HMAC of the record with its words, under the key of its user';

COMMENT ON COLUMN ledger.head.one IS 'Always true, so that there is one row';
COMMENT ON COLUMN ledger.head.committed_at IS 'Time of the commit of the last entry';
COMMENT ON COLUMN ledger.head.announced IS 'Number of heads announced to the witnesses so far';

COMMENT ON COLUMN ledger.dropped.table_name IS 'Table';
COMMENT ON COLUMN ledger.dropped.partition IS 'Partition';
COMMENT ON COLUMN ledger.dropped.from_time IS 'Start of the partition''s range';
COMMENT ON COLUMN ledger.dropped.to_time IS 'End of the partition''s range';
COMMENT ON COLUMN ledger.dropped.rows IS 'Number of its rows';
COMMENT ON COLUMN ledger.dropped.seq IS 'Number of the last entry when it was dropped; of `ledger.entries`, its own last entry';
COMMENT ON COLUMN ledger.dropped.link IS 'Link of that entry';
COMMENT ON COLUMN ledger.dropped.dropped_at IS 'Time at which it was dropped';
COMMENT ON COLUMN ledger.dropped.signature IS 'HMAC of the row under the chain key';
