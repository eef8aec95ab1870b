"""Commands of a migration from a legacy backend: publishers, comparison, flags."""
