"""Benches of what grows with time or with size: memory, tables, the cost of a call."""
