"""A voice assistant for shops in India: invoices, payments and customers, spoken over a websocket."""
