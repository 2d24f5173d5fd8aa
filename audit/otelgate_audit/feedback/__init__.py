"""`POST /v1/feedback` turns votes of web pages into the SDK's log event, in a process without the database."""
