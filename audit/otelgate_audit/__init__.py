"""The audit sink: stores every conversation, tool call, vote and product event from the gateway in PostgreSQL."""
