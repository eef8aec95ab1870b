"""Commands that record what runs and workers do, and project their events."""
