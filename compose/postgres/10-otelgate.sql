-- Run once by the official image, when the cluster is new: the audit sink's role and its database.
-- The native engine does the same (otelgate_stack/engines/postgres.py).
SELECT format('CREATE ROLE otelgate LOGIN CREATEROLE PASSWORD %L',
              rtrim(pg_read_file('/run/secrets/database_password'), E'\r\n')) \gexec
CREATE DATABASE otelgate OWNER otelgate;
