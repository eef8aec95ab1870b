"""Benches of what a call costs the database, with no relay or with one beside it."""
