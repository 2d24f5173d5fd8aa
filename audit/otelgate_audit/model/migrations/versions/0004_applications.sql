-- Where the gateway knows the sender's application, trace ids end in it: `4bf92f…@shop`. By this index all parts of a
-- trace are found by the id that it has in other stores. Rows of before have no application, and stay as they are.
CREATE INDEX conversations_trace ON audit.conversations (split_part(trace_id, '@', 1));
