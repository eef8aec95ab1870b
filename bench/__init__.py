"""Benchmarks; README.md has how to run them, and their results."""
