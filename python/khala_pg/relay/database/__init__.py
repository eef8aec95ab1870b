"""Connections to the database: the pool, the one that listens, and what is read through them."""
