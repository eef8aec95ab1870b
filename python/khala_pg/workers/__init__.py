"""API of runs and codex workers: an organisation reads them, and sends requests to workers."""
