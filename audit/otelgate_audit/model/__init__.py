"""Records, their columns and tables, time, and the database's schema: imports no other folder."""
