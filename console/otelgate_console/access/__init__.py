"""Access: accounts, sessions, roles, and the checks of every request."""
