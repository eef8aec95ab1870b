"""Relays of a test, and what they say to operators."""
