-- Run once by the official image, when the cluster is new: the audit sink's role and its database, and the
-- role of PostgreSQL's exporter, which sees the server's statistics and no table.
-- The native engine does the same (otelgate_stack/engines/postgres.py).
SELECT format('CREATE ROLE otelgate LOGIN CREATEROLE PASSWORD %L',
              rtrim(pg_read_file('/run/secrets/database_password'), E'\r\n')) \gexec
CREATE DATABASE otelgate OWNER otelgate;
SELECT format('CREATE ROLE otelgate_monitor LOGIN PASSWORD %L',
              rtrim(pg_read_file('/run/secrets/monitor_password'), E'\r\n')) \gexec
GRANT pg_monitor TO otelgate_monitor;
