"""Comparison with the legacy backend during a migration.

SQL takes the sample, compares and keeps the result; here the legacy side is only read.
"""
