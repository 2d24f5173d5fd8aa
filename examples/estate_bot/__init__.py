"""A Telegram bot for property in Dubai."""
