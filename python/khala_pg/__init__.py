"""Khala Sync: a sync engine that lives in Postgres; this package is its relay, client and tools."""

__version__ = "0.1.0"
