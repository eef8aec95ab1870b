"""Operators' programs: compile, reconcile, settlements, smoke checks."""
