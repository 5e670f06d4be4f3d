"""The catalog: what was decided and done, in SQLite or in memory."""
