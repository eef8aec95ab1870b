"""Benches of what a relay adds between the database and its clients."""
