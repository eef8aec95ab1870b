"""Smoke checks: what an operator wants to see working before and after a change."""
