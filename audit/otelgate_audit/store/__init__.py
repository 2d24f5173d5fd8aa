"""From records to rows: one transaction for the records of several requests, and everything derived from them."""
