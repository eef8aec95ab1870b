"""Trials of any test: seeds, random documents, sizes, and waiting for conditions."""
