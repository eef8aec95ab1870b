"""Connections to the database: the pool, the one that listens, what is asked through them."""
