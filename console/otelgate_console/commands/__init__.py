"""Commands of the console: what they print and send."""
