"""A real Chromium that a test drives."""
