"""API of codex workers: an organisation lists its workers, reads them, and sends requests."""
