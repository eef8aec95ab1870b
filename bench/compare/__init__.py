"""Servers that others made, which benches compare with, and benches that do nothing else."""
