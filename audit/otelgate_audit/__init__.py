"""The audit sink: stores every turn, tool call, vote and product event from the gateway in PostgreSQL."""
