-- How many heads were announced: each signed head carries its number, so that verify sees which Loki no longer has.
ALTER TABLE ledger.head ADD COLUMN announced bigint NOT NULL DEFAULT 0;
