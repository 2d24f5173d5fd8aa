"""Who may see what: accounts, sessions, roles, and the checks of every request."""
