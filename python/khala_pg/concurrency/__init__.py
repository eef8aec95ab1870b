"""Waiting, retrying and sharing of work: back-off, time limits, single flight."""
