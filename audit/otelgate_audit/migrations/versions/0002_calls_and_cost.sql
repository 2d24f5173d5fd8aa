-- Calls and cost are compared with what the gateway counted, as runs are.

-- At the gateway; NULL where it did not say: what was stored before this revision. proof.py leaves NULL out of the MAC,
-- so that the ledger goes on attesting those rows.
ALTER TABLE audit.model_calls ADD COLUMN received_at timestamptz;
CREATE INDEX model_calls_received ON audit.model_calls (received_at) INCLUDE (service, duplicate_of, cost_usd)
    WHERE received_at IS NOT NULL;

ALTER TABLE content.rejects
    ADD COLUMN call boolean NOT NULL DEFAULT false,  -- it was a model call: reconciliation counts it as rejected
    ADD COLUMN cost_usd numeric,                     -- of that call, as far as it could be read
    ADD COLUMN received_at timestamptz;              -- at the gateway, likewise

-- runs, calls, or cost in USD: what all the numbers of the row are of.
ALTER TABLE audit.reconciliation ADD COLUMN quantity text NOT NULL DEFAULT 'runs';
ALTER TABLE audit.reconciliation
    ALTER COLUMN quantity DROP DEFAULT,
    ALTER COLUMN counted TYPE numeric,
    ALTER COLUMN stored TYPE numeric,
    ALTER COLUMN rejected TYPE numeric,
    ALTER COLUMN missing TYPE numeric,
    ALTER COLUMN surplus TYPE numeric,
    DROP CONSTRAINT reconciliation_pkey,
    ADD PRIMARY KEY (quantity, service, from_time);
