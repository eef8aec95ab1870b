"""Checks of `khala doctor`, each of which yields findings."""
