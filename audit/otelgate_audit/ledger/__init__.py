"""The ledger: one entry for each committed record, so that a later change of the store shows. See LEDGER.md."""
