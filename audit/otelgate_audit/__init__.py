"""The audit sink: every conversation, tool call, vote and product event that passes the gateway, in PostgreSQL."""
