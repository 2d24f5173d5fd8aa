"""`POST /v1/feedback`: votes of web pages become the SDK's log event. A process of its own, without the database."""
